"""The published study arXiv 2509.02046 from its own numbers, with intervals and verdicts."""

from bestiary.answers.reproduce._record import CellWinner as CellWinner
from bestiary.answers.reproduce._record import ClaimCheck as ClaimCheck
from bestiary.answers.reproduce._record import PublishedCurve as PublishedCurve
from bestiary.answers.reproduce._record import Reproduction as Reproduction
from bestiary.answers.reproduce._record import SizePoint as SizePoint
from bestiary.answers.reproduce._record import SpeedupRow as SpeedupRow
from bestiary.answers.reproduce._record import TrainingOffset as TrainingOffset
from bestiary.answers.reproduce._reproduce import reproduce as reproduce
from bestiary.answers.reproduce._verdict import ClaimPart as ClaimPart
