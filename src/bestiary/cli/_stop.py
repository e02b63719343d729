"""`bestiary stop`: ask whoever drives a study to stop, and wait until it has."""

import time

import tyro

from bestiary.cli._folders import reading
from bestiary.errors import BestiaryError
from bestiary.specs import Seconds, Spec
from bestiary.store import request_stop

LOOK_SECONDS = 0.2


class Flags(Spec, frozen=True, kw_only=True):
    """Stop a study.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        wait: Seconds to wait until it has stopped: runs write checkpoints first.
    """

    folder: tyro.conf.Positional[str] = ""
    wait: Seconds = 120.0


def run(flags: Flags) -> None:
    """Ask, wait, and say how far the study is.

    Raises:
        BestiaryError: it goes on after that time.
    """
    with reading(flags.folder) as store:
        driver = store.driver()
        if not driver:
            print(f"nobody drives {store.folder}; there is nothing to stop")
            return
        request_stop(store.folder)
        until = time.monotonic() + flags.wait
        while store.driver() == driver:
            if time.monotonic() > until:
                raise BestiaryError(
                    f"{driver} was asked to stop and goes on after {flags.wait:g} s; it stops when "
                    "its runs have written their checkpoints"
                )
            time.sleep(LOOK_SECONDS)
        done = sum(result.state != "failed" for result in store.results().values())
    print(f"stopped with {done} runs done, all kept; the same `bestiary run` goes on")
