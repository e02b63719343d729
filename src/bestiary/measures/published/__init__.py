"""What the published tables measure beyond their losses: noise, sensitivity, generalisation."""

from bestiary.measures.published._ablations import ablations as ablations
from bestiary.measures.published._duel import TunerDuel as TunerDuel
from bestiary.measures.published._duel import tuner_duel as tuner_duel
from bestiary.measures.published._generalisation import offsets as offsets
from bestiary.measures.published._infeasible import Infeasible as Infeasible
from bestiary.measures.published._infeasible import infeasible as infeasible
from bestiary.measures.published._insensitive import DELTA_NEAR as DELTA_NEAR
from bestiary.measures.published._insensitive import REGIMES as REGIMES
from bestiary.measures.published._insensitive import epsilon_noise as epsilon_noise
from bestiary.measures.published._insensitive import insensitive as insensitive
from bestiary.measures.published._replay import Replay as Replay
from bestiary.measures.published._replay import replayed as replayed
from bestiary.measures.published._seven_billion import JOINT as JOINT
from bestiary.measures.published._seven_billion import PREDICTIONS as PREDICTIONS
from bestiary.measures.published._variant import DELTA as DELTA
from bestiary.measures.published._variant import MATRIX as MATRIX
from bestiary.measures.published._variant import SIMPLE as SIMPLE
from bestiary.measures.published._variant import Place as Place
from bestiary.measures.published._variant import Variant as Variant
from bestiary.measures.published._variant import named as named
