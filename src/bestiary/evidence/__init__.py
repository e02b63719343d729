"""Evidence: what was seen, as one record of own, imported and published results. No JAX."""

from bestiary.evidence._imported import imported_evidence as imported_evidence
from bestiary.evidence._noise import SeedNoise as SeedNoise
from bestiary.evidence._noise import noise_by_size as noise_by_size
from bestiary.evidence._noise import stated_noise as stated_noise
from bestiary.evidence._noise import unmeasured_noise as unmeasured_noise
from bestiary.evidence._odd_seeds import set_apart as set_apart
from bestiary.evidence._own import own_evidence as own_evidence
from bestiary.evidence._published import PUBLISHED as PUBLISHED
from bestiary.evidence._published import published_evidence as published_evidence
from bestiary.evidence._record import Contender as Contender
from bestiary.evidence._record import Evidence as Evidence
from bestiary.evidence._record import Key as Key
from bestiary.evidence._record import LossCourse as LossCourse
from bestiary.evidence._record import Observation as Observation
from bestiary.evidence._record import Provenance as Provenance
from bestiary.evidence._record import SeedRun as SeedRun
from bestiary.evidence._record import State as State
from bestiary.evidence._record import Tried as Tried
from bestiary.evidence._record import TuningBehind as TuningBehind
from bestiary.evidence._record import places as places
from bestiary.evidence._record import require_results as require_results
from bestiary.evidence._recorded import recorded_evidence as recorded_evidence
from bestiary.evidence._recorded import recorded_studies as recorded_studies
from bestiary.evidence._scored import with_scores as with_scores
