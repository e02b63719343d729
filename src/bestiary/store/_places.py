"""Where the files of a run lie: the one place that makes these paths."""

from pathlib import Path

STUDY_FILE = "study.sqlite"
CHECKPOINTS = "checkpoints"
# Checkpoints at which longer runs of the same trunk begin.
TRUNK = "trunk"
SCORES = "scores"
RUN = "run.json"
TOKENIZER = "tokenizer.json"
_DIGITS = 12


def short(identity: str) -> str:
    """The digits of a run id that name its files."""
    return identity[:_DIGITS]


def metrics_file(folder: Path, identity: str) -> Path:
    """Where an attempt keeps the metrics of a run, named by the first digits of its run id."""
    return folder / f"metrics-{short(identity)}.jsonl"


def log_file(attempt: Path) -> Path:
    """What was printed in an attempt, beside its folder."""
    return attempt.with_name(f"{attempt.name}.log")
