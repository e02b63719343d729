"""What a worker does with a job: train it. When called, the only file here that leads to JAX."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bestiary.launch._messages import Job
from bestiary.specs import RunResult
from bestiary.store import TOKENIZER

if TYPE_CHECKING:
    from bestiary.data import Corpus


class Trainer(Protocol):
    """Trains the runs of a job; a worker finds it by name, `module:function`."""

    def __call__(
        self,
        job: Job,
        corpus: str,
        *,
        progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> list[RunResult]:
        """Train.

        Args:
            job: What, and where its files belong.
            corpus: Folder of the prepared corpora.
            progress: To be called often with the steps taken and the latest training loss.
            should_stop: To be asked often; once true, write a checkpoint and raise.

        Raises:
            StopRequested: it was asked to stop.
            UserError: the runs cannot be trained; another attempt would fail in the same way.
            DiskError: nothing can be trained here until the disk has space.
        """


TRAINER = "bestiary.launch._training:train_job"


def train_job(
    job: Job,
    corpus: str,
    *,
    progress: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> list[RunResult]:
    """Train a job with `bestiary.train`, from the newest checkpoint of its earlier attempts."""
    from bestiary import train

    policy = train.Policy(
        resume_from=tuple(Path(folder) for folder in job.earlier),
        trunks=tuple(Path(folder) for folder in job.trunks),
        leave_at=job.leave_at,
        evaluate_also=job.evaluate_also,
        should_stop=should_stop,
        progress=progress,
        checkpoint_final=job.keep_weights,
        placement=train.chosen_placement(job.runs[0], devices=job.devices),
    )
    opened = _opened(corpus, job.runs[0].data.digest)
    results = train.train(job.runs, opened, job.folder, policy)
    if job.keep_weights and (tokenizer := opened.tokenizer_json) is not None:
        (Path(job.folder) / TOKENIZER).write_text(tokenizer, encoding="utf-8")
    return results


@functools.lru_cache(maxsize=2)
def _opened(folder: str, digest: str) -> "Corpus":
    """The corpus, which a worker opens and checks once for all its jobs."""
    from bestiary.data import Corpus

    return Corpus.open(folder, digest)
