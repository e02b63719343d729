"""The store: one SQLite file per study folder, which one driver writes and anyone reads. No JAX."""

from bestiary.store._attempt import Attempt as Attempt
from bestiary.store._capacity import machine_bytes as machine_bytes
from bestiary.store._fantastic import read_fantastic2025 as read_fantastic2025
from bestiary.store._foreign import ForeignImport as ForeignImport
from bestiary.store._foreign import ForeignResult as ForeignResult
from bestiary.store._foreign import ImportOrigin as ImportOrigin
from bestiary.store._foreign_tables import foreign_imports as foreign_imports
from bestiary.store._foreign_tables import import_into as import_into
from bestiary.store._importer import import_file as import_file
from bestiary.store._importer import missing as missing
from bestiary.store._mapping import Mapping as Mapping
from bestiary.store._mapping import load_mapping as load_mapping
from bestiary.store._mapping import mapping as mapping
from bestiary.store._older import read_study as read_study
from bestiary.store._owner import is_abandoned as is_abandoned
from bestiary.store._owner import owned_name as owned_name
from bestiary.store._places import CHECKPOINTS as CHECKPOINTS
from bestiary.store._places import STUDY_FILE as STUDY_FILE
from bestiary.store._places import log_file as log_file
from bestiary.store._places import metrics_file as metrics_file
from bestiary.store._request import request_stop as request_stop
from bestiary.store._request import stop_requested as stop_requested
from bestiary.store._request import withdraw_request as withdraw_request
from bestiary.store._software import software as software
from bestiary.store._software import software_apart as software_apart
from bestiary.store._study import StudyStore as StudyStore
