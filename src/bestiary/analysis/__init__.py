"""Analysis: from results to an answer, as one record. No JAX."""

from bestiary.analysis._analyse import analyse as analyse
from bestiary.analysis._crossing import Crossing as Crossing
from bestiary.analysis._crossover import Advantage as Advantage
from bestiary.analysis._crossover import Crossover as Crossover
from bestiary.analysis._crossover import crossover as crossover
from bestiary.analysis._midway import Midway as Midway
from bestiary.analysis._midway import Moment as Moment
from bestiary.analysis._midway import midway as midway
from bestiary.analysis._noise_sensitivity import AssumedNoise as AssumedNoise
from bestiary.analysis._noise_sensitivity import NoiseSensitivity as NoiseSensitivity
from bestiary.analysis._noise_sensitivity import noise_sensitivity as noise_sensitivity
from bestiary.analysis._profile_check import ProfileCheck as ProfileCheck
from bestiary.analysis._profile_check import profile_checks as profile_checks
from bestiary.analysis._record import Analysis as Analysis
from bestiary.analysis._record import BaselineLaw as BaselineLaw
from bestiary.analysis._record import Estimate as Estimate
from bestiary.analysis._record import LawPoint as LawPoint
from bestiary.analysis._record import LedgerEntry as LedgerEntry
from bestiary.analysis._record import LossCurve as LossCurve
from bestiary.analysis._record import Provenance as Provenance
from bestiary.analysis._record import Row as Row
from bestiary.analysis._record import SeedLoss as SeedLoss
from bestiary.analysis._record import SensitivityPoint as SensitivityPoint
from bestiary.analysis._record import Summary as Summary
from bestiary.analysis._record import TuningTrace as TuningTrace
from bestiary.analysis._record import Verdict as Verdict
