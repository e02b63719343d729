"""Tune: pure planning, from a study and its results so far to the runs still needed. No JAX."""

from bestiary.tune._descent import Optimum as Optimum
from bestiary.tune._descent import Search as Search
from bestiary.tune._descent import coordinate_descent as coordinate_descent
from bestiary.tune._ledger import CellEffort as CellEffort
from bestiary.tune._ledger import Effort as Effort
from bestiary.tune._ledger import ledger as ledger
from bestiary.tune._needed import needed as needed
from bestiary.tune._plan import Estimate as Estimate
from bestiary.tune._plan import plan as plan
from bestiary.tune._run import report_run as report_run
from bestiary.tune._run import tuning_run as tuning_run
from bestiary.tune._winner import Winner as Winner
from bestiary.tune._winner import winners as winners
