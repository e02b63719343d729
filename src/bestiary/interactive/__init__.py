"""Bestiary in a Python session: what `import bestiary` offers. Records are plain; pandas optional.

The commands' own functions, so that a run or a study begun here goes on from the command line and
the other way round.
"""

from bestiary.interactive._open import Opened as Opened
from bestiary.interactive._open import open as open
from bestiary.interactive._records import Records as Records
from bestiary.interactive._run import run_study as run_study
from bestiary.interactive._train import Trained as Trained
from bestiary.interactive._train import train_run as train_run
