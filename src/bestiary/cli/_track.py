"""`bestiary track`: the numbers of runs in TensorBoard, W&B or Trackio, while they train too."""

import time
from pathlib import Path
from typing import Annotated

import tyro
from msgspec import Meta

from bestiary.cli._flags import Switch
from bestiary.cli._folders import study_folder
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec
from bestiary.trackers import Follower, followed, sink

SHOWN_BY = {
    "tensorboard": "tensorboard --logdir {}",
    "wandb": "wandb sync {}/wandb/offline-run-*",
    "trackio": "TRACKIO_DIR={} trackio show --project bestiary",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Hand the numbers of runs to a tracker; a process of its own, which no run waits for.

    Attributes:
        folder: A study folder, or one of `bestiary train`; not needed where there is one study
            here.
        to: The tracker: `tensorboard`, `wandb` (offline, unless WANDB_MODE says otherwise) or
            `trackio`; each is an extra of the same name.
        out: Where the tracker writes; by default `tracked/TRACKER` in the folder.
        follow: Go on until Ctrl-C, while runs train.
        seconds: Between two looks, with --follow.
    """

    folder: tyro.conf.Positional[str] = ""
    to: str = "tensorboard"
    out: str = ""
    follow: Switch = False
    seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 10.0


def run(flags: Flags) -> None:
    """Hand on what is there, and say how to see it."""
    folder = study_folder(flags.folder)
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; name one of a study or of `bestiary train`")
    found = followed(folder)  # refused before anything is made
    out = Path(flags.out) if flags.out else folder / "tracked" / flags.to
    follower = Follower(folder, sink(flags.to, out), out)
    steps = follower.look()
    tell(f"{steps:,} steps of {len(found)} runs in {out}", f"see {SHOWN_BY[flags.to].format(out)}")
    while flags.follow:
        time.sleep(flags.seconds)
        if steps := follower.look():
            tell(f"{steps:,} more steps")
