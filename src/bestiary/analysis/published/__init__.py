"""The published study arXiv 2509.02046 from its own numbers, with intervals; and anybody's results.

The packaged tables are Apache-2.0 facts from the authors' public files; `sources()` says whence.
"""

from bestiary.analysis.published._data import FAMILIES as FAMILIES
from bestiary.analysis.published._data import Pair as Pair
from bestiary.analysis.published._data import configurations as configurations
from bestiary.analysis.published._data import losses as losses
from bestiary.analysis.published._data import pairs as pairs
from bestiary.analysis.published._data import predictions as predictions
from bestiary.analysis.published._data import runs as runs
from bestiary.analysis.published._data import sources as sources
from bestiary.analysis.published._foreign import ForeignComparison as ForeignComparison
from bestiary.analysis.published._foreign import ForeignRow as ForeignRow
from bestiary.analysis.published._foreign import compare_foreign as compare_foreign
from bestiary.analysis.published._generalisation import Offset as Offset
from bestiary.analysis.published._generalisation import offsets as offsets
from bestiary.analysis.published._infeasible import Infeasible as Infeasible
from bestiary.analysis.published._record import CellWinner as CellWinner
from bestiary.analysis.published._record import ChangedCell as ChangedCell
from bestiary.analysis.published._record import ClaimCheck as ClaimCheck
from bestiary.analysis.published._record import Curve as Curve
from bestiary.analysis.published._record import NoisePoint as NoisePoint
from bestiary.analysis.published._record import Reproduction as Reproduction
from bestiary.analysis.published._record import SizePoint as SizePoint
from bestiary.analysis.published._record import SpeedupRow as SpeedupRow
from bestiary.analysis.published._reproduce import NOISE as NOISE
from bestiary.analysis.published._reproduce import reproduce as reproduce
from bestiary.analysis.published._verdict import Judgement as Judgement
from bestiary.analysis.published._verdict import Part as Part
from bestiary.analysis.published._verdict import Verdict as Verdict
