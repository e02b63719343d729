"""Tune: pure planning, from a study and its results so far to the runs still needed. No JAX."""

from bestiary.tune._account import PhaseAccount as PhaseAccount
from bestiary.tune._account import phase_accounts as phase_accounts
from bestiary.tune._caps import Caps as Caps
from bestiary.tune._descent import Optimum as Optimum
from bestiary.tune._descent import coordinate_descent as coordinate_descent
from bestiary.tune._edges import edges as edges
from bestiary.tune._edges import varied as varied
from bestiary.tune._ledger import CellEffort as CellEffort
from bestiary.tune._ledger import TuningEffort as TuningEffort
from bestiary.tune._ledger import ledger as ledger
from bestiary.tune._ledger import ledger_of as ledger_of
from bestiary.tune._plan import PlannedCost as PlannedCost
from bestiary.tune._plan import plan as plan
from bestiary.tune._plan import plan_at as plan_at
from bestiary.tune._plan import plan_of as plan_of
from bestiary.tune._planner import Place as Place
from bestiary.tune._planner import Planner as Planner
from bestiary.tune._planner import needed as needed
from bestiary.tune._sensitivity import sensitivity as sensitivity
from bestiary.tune._spending import Bounds as Bounds
from bestiary.tune._spending import Spending as Spending
from bestiary.tune._spending import spending as spending
from bestiary.tune._stars import least_missing as least_missing
from bestiary.tune._winner import Winner as Winner
from bestiary.tune._winner import winners as winners
from bestiary.tune._winner import winners_of as winners_of
