"""The same three steps of training, twice: what `bestiary doctor` compares."""

import tempfile
from pathlib import Path

from bestiary.data import prepare, source
from bestiary.optimizers import resolve
from bestiary.specs import SIZES, RunSpec
from bestiary.train import Policy, train

TEXT_BYTES = 400_000


def losses_twice() -> tuple[dict[str, float], dict[str, float]]:
    """The losses of two trainings that should be one and the same."""
    with tempfile.TemporaryDirectory(prefix="bestiary-doctor-") as name:
        folder = Path(name)
        lines = (f"{place} squared is {place * place}\n\n" for place in range(TEXT_BYTES // 24))
        (folder / "text.txt").write_text("".join(lines))
        corpus = prepare([source(folder / "text.txt")], folder)
        run = RunSpec(
            model=SIZES["16k"],
            data=corpus.spec,
            optimizer=resolve("adamw", {}),
            batch_size=4,
            steps=3,
            evaluation_sequences=8,
        )
        policy = Policy(checkpoint_seconds=0)
        first, second = (train([run], corpus, folder / turn, policy)[0] for turn in ("a", "b"))
        return first.loss, second.loss
