"""Pilots as an array of Slurm jobs, by submitit; its `local` mode is the same without a cluster."""

import contextlib
import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

from bestiary.errors import UserError
from bestiary.launch._attended import AttendedPilot
from bestiary.launch._launcher import AbstractLauncher, Ended, PilotUnit, missing_extra, unit
from bestiary.specs import SlurmOptions

# What submitit counts down at every time limit; a study may take months.
TIMEOUTS = 100_000
ASK_SECONDS = 30.0
# The exit code of a pilot that was killed; what replaces so many finds the same end.
KILLED = 128 + signal.SIGKILL
RESTARTS = 100


class SlurmPilot:
    """What submitit runs in a job: a pilot, which gives its orders back when the job must end."""

    def __init__(self, unit: PilotUnit) -> None:
        """Start nothing yet."""
        self._unit = unit
        self._pilot: AttendedPilot | None = None

    def __call__(self) -> tuple[int, str]:
        """Be the pilot until it leaves."""
        self._pilot = AttendedPilot(self._unit.command, {})
        return self._pilot.wait()

    def checkpoint(self) -> Any:
        """Called by submitit before a time limit or preemption; what it returns is queued again."""
        import submitit

        if self._pilot is not None:
            self._pilot.give_back()
        return submitit.helpers.DelayedSubmission(SlurmPilot(self._unit))


@final
class SlurmLauncher(AbstractLauncher):
    """One array of jobs for the whole study, whatever the number of its runs."""

    def __init__(
        self, pilots: int, options: SlurmOptions, worker_options: Sequence[str] = ()
    ) -> None:
        """Ask for nothing yet.

        Args:
            pilots: Jobs of the array; each trains one run at a time.
            options: What each of them needs.
            worker_options: Further options of `bestiary worker`.

        Raises:
            UserError: submitit is not installed, or a flag is not `name=value`.
        """
        try:
            import submitit  # noqa: F401 - found out before anything is created
        except ImportError:
            raise missing_extra("slurm", "submitit") from None
        self._pilots, self._options, self._worker_options = pilots, options, worker_options
        self._flags = _flags(options.flags)
        self._jobs: dict[str, Any] = {}
        self._asked = 0.0
        self._folder, self._restarts = "", 0

    def check(self) -> None:
        """Ask Slurm whether it would take such a job, without submitting one.

        Raises:
            UserError: there is no Slurm, or it would refuse; its own line is quoted.
        """
        if self._options.cluster == "local":
            return
        command = ["sbatch", "--test-only", *self._words(), "--wrap", "true"]
        try:
            asked = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS)
        except OSError:
            raise _refused("there is no sbatch on this machine") from None
        except subprocess.SubprocessError:
            return  # a busy scheduler; what it thinks is heard at the submission
        if asked.returncode:
            raise _refused(_line(asked.stderr))

    def start(self, folder: str) -> None:
        """Submit the array.

        Raises:
            UserError: there is no Slurm, or it refuses the array; its own line is quoted.
        """
        self._folder = folder
        self._submit(self._pilots)

    def _submit(self, pilots: int) -> None:
        import submitit

        token = secrets.token_hex(2)
        names = [f"slurm-{token}-{index}-" for index in range(pilots)]
        units = [unit(self._folder, name, self._worker_options) for name in names]
        try:
            executor = submitit.AutoExecutor(
                folder=Path(self._folder) / "pilots" / "slurm",
                cluster=self._options.cluster,
                slurm_max_num_timeout=TIMEOUTS,
                local_max_num_timeout=TIMEOUTS,
            )
            executor.update_parameters(**self._parameters())
            with executor.batch():
                jobs = [executor.submit(SlurmPilot(one)) for one in units]
        except (RuntimeError, OSError, ValueError, submitit.core.utils.FailedJobError) as error:
            raise _refused(_said(error)) from None
        self._jobs |= {one.name: job for one, job in zip(units, jobs, strict=True)}

    def ended(self) -> list[Ended]:
        """The jobs that are done; one at its time limit queues again and is not.

        A pilot that was killed has another in its place, as when memory ran out; a job that
        somebody cancelled has not.
        """
        queued = self._queued()
        gone = [name for name, job in self._jobs.items() if _is_done(job, queued)]
        found = [_ending(name, self._jobs.pop(name)) for name in gone]
        killed = sum(one.code == KILLED for one in found)
        again = min(killed, RESTARTS - self._restarts)
        if again:
            self._restarts += again
            self._submit(again)
        return found

    @property
    def living(self) -> int:
        """Jobs that are queued or run."""
        return len(self._jobs)

    def close(self) -> None:
        """Cancel what has not left."""
        for job in self._jobs.values():
            if not _is_done(job, None):
                with contextlib.suppress(Exception):  # a scheduler that is gone holds nothing
                    job.cancel(check=False)
        self._jobs.clear()

    def _queued(self) -> set[str] | None:
        """The jobs that wait or run; None where Slurm was not asked now, or does not answer.

        By `squeue`: submitit asks `sacct`, which small clusters do not have.
        """
        now = time.monotonic()
        if self._options.cluster == "local" or not self._jobs or now - self._asked < ASK_SECONDS:
            return None
        self._asked = now
        arrays = sorted({job.job_id.partition("_")[0] for job in self._jobs.values()})
        command = ["squeue", "-h", "-r", "-o", "%i", "-j", ",".join(arrays)]
        try:
            asked = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return None
        forgotten = "Invalid job id" in asked.stderr  # all have ended some time ago
        return set(asked.stdout.split()) if asked.returncode == 0 or forgotten else None

    def _words(self) -> list[str]:
        """What is asked for, as options of sbatch."""
        asked = self._options
        stated: dict[str, str | bool] = {
            "partition": asked.partition,
            "account": asked.account,
            "gres": asked.gres,
            "mem": asked.memory,
            "cpus-per-task": str(asked.cpus),
            "time": str(asked.time),
            **self._flags,
        }
        return [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in stated.items()
            if value
        ]

    def _parameters(self) -> dict[str, Any]:
        asked = self._options
        slurm: dict[str, Any] = {
            "slurm_partition": asked.partition,
            "slurm_account": asked.account,
            "slurm_gres": asked.gres,
            "slurm_mem": asked.memory,
            "slurm_additional_parameters": {"requeue": True, **self._flags},
        }
        return {
            "name": "bestiary",
            "timeout_min": asked.time,
            "cpus_per_task": asked.cpus,
            "slurm_array_parallelism": self._pilots,
            "slurm_signal_delay_s": asked.grace,
            **{name: value for name, value in slurm.items() if value},
        }


def _refused(reason: str) -> UserError:
    return UserError(
        f"Slurm takes no pilots: {reason}; `sinfo` lists partitions, and --slurm.* say what is "
        "asked for"
    )


def _flags(text: str) -> dict[str, str | bool]:
    """Flags of sbatch from `constraint=a100,exclusive`."""
    pairs = [one.strip().lstrip("-").partition("=") for one in text.split(",") if one.strip()]
    if not all(name.replace("-", "").isalnum() for name, _, _ in pairs):
        raise UserError(
            f"--slurm.flags are names of sbatch's options, got {text[:80]!r}; write "
            "constraint=a100,qos=low"
        )
    return {name: value if equals else True for name, equals, value in pairs}


def _is_done(job: Any, queued: set[str] | None) -> bool:
    """Whether a job has left its result, or is no more."""
    if hasattr(job, "_process"):  # of submitit's local mode
        return bool(job.done())
    return job.paths.result_pickle.exists() or (queued is not None and job.job_id not in queued)


def _ending(name: str, job: Any) -> Ended:
    if not job.paths.result_pickle.exists():
        logs = job.paths.folder
        return Ended(name=name, reason=f"Slurm job {job.job_id} is gone; its log is in {logs}")
    try:
        code, line = job.result()
    except Exception as error:
        return Ended(name=name, reason=f"Slurm job {job.job_id}: {_said(error)}")
    return Ended(name=name, code=code, reason=line)


def _said(error: Exception) -> str:
    return _line(str(error)) or type(error).__name__


def _line(said: str) -> str:
    """The line that says most: that of sbatch, where it is one of its."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("sbatch: error:", "error:"))]
    return next(iter(told or lines), "")[:200].rstrip(".")
