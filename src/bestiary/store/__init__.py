"""The store: one SQLite file per study folder, which one driver writes and anyone reads. No JAX."""

from bestiary.store._attempt import Attempt as Attempt
from bestiary.store._attempt import Outcome as Outcome
from bestiary.store._lock import DriverLock as DriverLock
from bestiary.store._study import StudyStore as StudyStore
