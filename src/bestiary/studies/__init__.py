"""The questions asked, as functions that return a `Study`. `STUDIES` names them for `run`."""

from bestiary.studies._candidates import candidate as candidate
from bestiary.studies._catalogue import STUDIES as STUDIES
from bestiary.studies._catalogue import Entry as Entry
from bestiary.studies._catalogue import lookup as lookup
from bestiary.studies._file import study_file as study_file
from bestiary.studies._made_now import made_now as made_now
from bestiary.studies._slice import sliced as sliced
