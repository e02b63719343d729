"""Launch: executors that train runs somewhere, and the driver loop, the only writer of results."""

from bestiary.launch._snapshot import Observer as Observer
from bestiary.launch._snapshot import Running as Running
from bestiary.launch._snapshot import Silent as Silent
from bestiary.launch._snapshot import Snapshot as Snapshot
