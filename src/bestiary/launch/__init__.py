"""Launch: executors that train runs somewhere, and the driver loop, the only writer of results."""

from bestiary.launch._drive import drive as drive
from bestiary.launch._executor import AbstractExecutor as AbstractExecutor
from bestiary.launch._launcher import AbstractLauncher as AbstractLauncher
from bestiary.launch._local import LocalExecutor as LocalExecutor
from bestiary.launch._machine import cores as cores
from bestiary.launch._memory import check_memory as check_memory
from bestiary.launch._messages import Failed as Failed
from bestiary.launch._messages import Finished as Finished
from bestiary.launch._messages import Halted as Halted
from bestiary.launch._messages import Job as Job
from bestiary.launch._messages import Lost as Lost
from bestiary.launch._messages import Progress as Progress
from bestiary.launch._messages import Stopped as Stopped
from bestiary.launch._pilot import Pilot as Pilot
from bestiary.launch._pilots import PilotsExecutor as PilotsExecutor
from bestiary.launch._ray import RayLauncher as RayLauncher
from bestiary.launch._rerun import rerun as rerun
from bestiary.launch._reusing import ReusingExecutor as ReusingExecutor
from bestiary.launch._slurm import SlurmLauncher as SlurmLauncher
from bestiary.launch._snapshot import Running as Running
from bestiary.launch._snapshot import Snapshot as Snapshot
from bestiary.launch._standing import Standing as Standing
from bestiary.launch._standing import standing as standing
