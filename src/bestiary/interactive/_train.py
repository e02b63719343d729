"""One training, asked for in Python; `bestiary train` with the same words is the same run."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import msgspec

from bestiary.interactive._records import Records
from bestiary.interactive._stated import Text, sources, stated
from bestiary.specs import NATS, ComputeDtype, RunResult, RunSpec, Setting, run_id


@dataclass(frozen=True)
class Trained:
    """A training and its result; a notebook shows what it was and its losses.

    Attributes:
        spec: Everything that decides its numbers.
        result: Its losses, curves and times.
        folder: Its metrics, checkpoint and result, for `bestiary export` or to go on.
    """

    spec: RunSpec
    result: RunResult
    folder: Path

    @property
    def loss(self) -> dict[str, float]:
        """Final nats per token by split (`selection`, `report`); empty where it diverged."""
        return self.result.loss

    def curve(self) -> Records:
        """The losses over the training; `split` is `train`, `selection` or `report`."""
        a_step = self.spec.batch_size * self.spec.model.context
        training = [
            {"split": "train", "step": one.step, "tokens": one.step * a_step, "loss": one.loss}
            for one in self.result.curve
        ]
        validation = [
            {"split": split, "step": one.step, "tokens": one.tokens, "loss": loss}
            for one in self.result.evaluations
            for split, loss in one.loss.items()
        ]
        return Records([*training, *validation])

    def scores(self) -> Records:
        """What `bestiary evaluate` found on downstream tasks, a row for each metric of a task."""
        from bestiary.cli._evaluate import score_rows
        from bestiary.store import read_scores

        tasks = read_scores(self.folder, run_id(self.spec)).tasks.values()
        return Records([row for one in tasks for row in score_rows(one)])

    def __repr__(self) -> str:
        losses = ", ".join(f"{split} {loss:.4f} {NATS}" for split, loss in self.loss.items())
        told = losses or f"{self.result.state} at step {self.result.last_step}"
        return f"<{self.spec.optimizer.name}, {self.spec.tokens:,} tokens: {told}; {self.folder}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def train_run(
    optimizer: str = "adamw",
    size: str = "65k",
    *,
    data: Text = (),
    tokenizer: str = "byte",
    ratio: float = 1.0,
    steps: int = 0,
    batch_size: int = 16,
    seed: int = 0,
    dtype: ComputeDtype = "float32",
    out: str | Path = "",
    **settings: Setting,
) -> Trained:
    """Train one model, or read its result where it was trained before.

        trained = bestiary.train_run("muon", "8k", learning_rate=0.03)

    Args:
        optimizer: Of the catalogue, or of an installed package.
        size: A named size (`bestiary sizes`).
        data: `stdlib` (the default), or files or folders of text, as `bestiary train --data`.
        tokenizer: `byte`, or the path of a tokenizer.json.
        ratio: Tokens over 20 N.
        steps: Optimizer steps; 0 follows from the ratio.
        batch_size: Sequences per step.
        seed: Decides initialisation and data order.
        dtype: Of activations and matrix products.
        out: Its folder; by default one named for the run, in `bestiary-train` here.
        settings: Hyperparameters; the catalogue's starting point where not given.

    Raises:
        UserError: something asked for does not exist, does not fit or is out of range.
        StopRequested: it was interrupted; the same call goes on.
    """
    from bestiary.cli._corpora import here, prepared
    from bestiary.cli._one_run import go_on
    from bestiary.cli._train import Flags, model_of, planned_run, refuse_early, with_vocabulary

    flags = stated(
        Flags(
            size=size,
            optimizer=optimizer,
            set=tuple(f"{name}={_written(value)}" for name, value in settings.items()),
            data=sources(data),
            tokenizer=tokenizer,
            ratio=ratio,
            steps=steps,
            batch_size=batch_size,
            seed=seed,
            dtype=dtype,
            out=str(out),
        )
    )
    flags = msgspec.structs.replace(flags, data=here(flags.data))
    model = model_of(flags.size, with_vocabulary(flags))
    placement = refuse_early(flags, model)
    corpus = prepared(flags.data, tokenizer=flags.tokenizer, vocabulary=model.vocabulary)
    spec = planned_run(flags, model, corpus.spec)
    folder = Path(flags.out or f"bestiary-train/{spec.optimizer.name}-{run_id(spec)[:12]}")
    return Trained(spec, go_on(spec, corpus, folder, placement), folder)


def _written(value: Setting) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
