"""What a report shows of a study, as one record. No JAX."""

from bestiary.answers.report._analyse import analyse as analyse
from bestiary.answers.report._record import Analysis as Analysis
from bestiary.answers.report._record import LossCurve as LossCurve
from bestiary.answers.report._record import Row as Row
from bestiary.answers.report._record import SeedLoss as SeedLoss
from bestiary.answers.report._rows import row as row
from bestiary.answers.report._target import TargetAnalysis as TargetAnalysis
from bestiary.answers.report._target import TargetRow as TargetRow
from bestiary.answers.report._target import analyse_target as analyse_target
from bestiary.answers.report._target import bounded_factor as bounded_factor
