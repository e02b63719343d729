"""Pilots as tasks of a Ray cluster. Ray Core alone: where, and on what; all else is files."""

import contextlib
import itertools
import logging
import math
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, final

from bestiary.errors import UserError
from bestiary.launch._attended import AttendedPilot
from bestiary.launch._launcher import AbstractLauncher, Ended, PilotUnit, missing_extra, unit
from bestiary.specs import RayOptions

REACH_SECONDS = 5.0
CLOSING_SECONDS = 20.0
LOOK_SECONDS = 5.0
# A unit that starts again so often, each time with another machine, has bad luck or brings it.
RESTARTS = 100
# Of a device's memory, what JAX may take at once.
MEMORY_FRACTION = 0.92
# Of the resources that have a name, the one that is an option of its own.
MEMORY = "memory"


def fly(unit: PilotUnit, environment: Mapping[str, str]) -> tuple[int, str]:
    """Be a pilot: what a Ray task does."""
    command = (sys.executable, *unit.command[1:])  # this node's own Python
    return AttendedPilot(command, environment).wait()


@final
class RayLauncher(AbstractLauncher):
    """A task for every pilot; one whose node dies starts again on another."""

    def __init__(
        self, pilots: int, options: RayOptions, worker_options: Sequence[str] = ()
    ) -> None:
        """Ask for nothing yet.

        Args:
            pilots: Tasks; 0 for as many as the cluster holds at once.
            options: What each of them needs.
            worker_options: Further options of `bestiary worker`.

        Raises:
            UserError: Ray is not installed, nothing answers at its address, or a resource is not
                `name=amount`.
        """
        try:
            import ray
        except ImportError:
            raise missing_extra("ray", "ray") from None
        _refuse_unreachable(options.address or os.environ.get("RAY_ADDRESS", ""))
        self._ray = ray
        self._pilots, self._options, self._worker_options = pilots, options, worker_options
        self._others = _amounts(options.resources)
        self._folder = ""
        self._tasks: dict[Any, PilotUnit] = {}
        self._numbers = itertools.count()
        self._token = secrets.token_hex(2)
        self._restarts = 0
        self._looked = 0.0

    def check(self) -> None:
        """Reach the cluster, and see whether a node of it could hold a task.

        Raises:
            UserError: there is no cluster, or no node could ever hold such a task.
        """
        self._connect()
        try:
            self._refuse_impossible()
        except UserError:
            self.close()
            raise

    def start(self, folder: str) -> None:
        """Reach the cluster and submit the tasks.

        Raises:
            UserError: there is no cluster, or no node could ever hold such a task.
        """
        self._folder = folder
        self._connect()
        self._refuse_impossible()
        for _ in range(self._pilots or self._room()):
            self._submit()

    def ended(self) -> list[Ended]:
        """The tasks that are done; one that was lost with its node has another in its place."""
        if not self._tasks:
            return []
        done, _ = self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=0)
        found = [self._ending(task, self._tasks.pop(task)) for task in done]
        for one in found:
            if one.code is None and self._restarts < RESTARTS:
                self._restarts += 1
                self._submit()
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._refuse_impossible()
        return found

    @property
    def living(self) -> int:
        """Tasks that wait for a node, or have one."""
        return len(self._tasks)

    def close(self) -> None:
        """Wait for the pilots to leave, and cancel what has not."""
        if not self._ray.is_initialized():
            return
        if self._tasks:
            waiting, count = list(self._tasks), len(self._tasks)
            _, left = self._ray.wait(waiting, num_returns=count, timeout=CLOSING_SECONDS)
            for task in left:
                with contextlib.suppress(Exception):  # a cluster that is gone holds nothing
                    self._ray.cancel(task, force=True)
        self._tasks.clear()
        self._ray.shutdown()

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        address = self._options.address
        try:
            self._ray.init(
                address=address or None,
                log_to_driver=False,
                configure_logging=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray has no one kind for it
            line = str(error).strip().split("\n")[0][:200].rstrip(".")
            raise UserError(
                f"no Ray cluster at {address or 'RAY_ADDRESS'}: {line}; `ray status` there says "
                "whether it runs"
            ) from None

    def _submit(self) -> None:
        name = f"ray-{self._token}-{next(self._numbers)}-"
        one = unit(self._folder, name, self._worker_options)
        asked: dict[str, Any] = {
            "num_cpus": self._options.cpus,
            "num_gpus": self._options.gpus,
            "resources": {k: v for k, v in self._others.items() if k != MEMORY},
            "max_retries": 0,
            "max_calls": 1,
        }
        asked |= {k: v for k, v in self._others.items() if k == MEMORY}
        task = self._ray.remote(**asked)(fly)
        self._tasks[task.remote(one, self._environment())] = one

    def _environment(self) -> dict[str, str]:
        """What a pilot is told of its device: Ray leaves a task without one all that there are."""
        gpus = self._options.gpus
        if gpus == 0:
            return {"JAX_PLATFORMS": "cpu"}
        return {"XLA_CLIENT_MEM_FRACTION": f"{MEMORY_FRACTION * gpus:.3f}"} if gpus < 1 else {}

    def _asked(self) -> dict[str, float]:
        named = {"CPU": self._options.cpus, "GPU": self._options.gpus, **self._others}
        return {name: amount for name, amount in named.items() if amount > 0}

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _room(self) -> int:
        """How many tasks the cluster holds at once."""
        return max(1, sum(_fit(self._asked(), node) for node in self._nodes()))

    def _refuse_impossible(self) -> None:
        """A task that no node could ever hold would wait for ever, and Ray would not say so.

        Raises:
            UserError: the resource is named, or those that no node has together.
        """
        asked, nodes = self._asked(), self._nodes()
        if any(_fit(asked, node) for node in nodes):
            return
        short = {
            name: max((node.get(name, 0.0) for node in nodes), default=0.0)
            for name, amount in asked.items()
            if all(node.get(name, 0.0) < amount for node in nodes)
        }
        wanted = ", ".join(f"{name}={asked[name]:g}" for name in short or asked)
        most = ", ".join(f"{name}={amount:g}" for name, amount in short.items())
        there = f"the most that one has is {most}" if short else "none has them together"
        raise UserError(
            f"no node of the Ray cluster could ever hold a run that asks for {wanted}: {there}; "
            "ask for less with --ray.*, or add such a node"
        )

    def _ending(self, task: Any, one: PilotUnit) -> Ended:
        try:
            code, line = self._ray.get(task)
        except Exception as error:
            kind = type(error).__name__
            return Ended(name=one.name, reason=f"Ray lost the pilot's node or process ({kind})")
        return Ended(name=one.name, code=code, reason=line)


def _fit(asked: Mapping[str, float], node: Mapping[str, float]) -> int:
    """How many tasks a node holds at once."""
    return min((math.floor(node.get(name, 0.0) / asked[name]) for name in asked), default=1)


def _amounts(text: str) -> dict[str, float]:
    pairs = [one.partition("=") for one in text.split(",") if one.strip()]
    try:
        found = {name.strip(): float(amount) for name, _, amount in pairs}
    except ValueError:
        found = {"": 0.0}
    if not all(name and amount > 0 for name, amount in found.items()):
        raise UserError(
            f"--ray.resources are names with amounts above 0, got {text[:80]!r}; write special=1"
        )
    return found


def _refuse_unreachable(address: str) -> None:
    """Ray itself tries for a minute and then says much: see first whether anybody listens.

    Raises:
        UserError: nobody does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"nothing answers at the Ray address {address}: {reason}; `ray start --head` prints "
            "the address of a cluster"
        ) from None
