"""Pilots in processes of their own, as a user starts them on another terminal."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.launch.conftest import ROOT

from bestiary.launch import PilotsExecutor
from bestiary.specs import Study


def executor_of(folder: Path, question: Study, trainer: str, **options: Any) -> PilotsExecutor:
    """A driver's side whose pilots run a fake trainer, on a corpus that is there and empty."""
    corpora = folder.parent / "corpora"
    (corpora / question.data.digest).mkdir(parents=True, exist_ok=True)
    name = f"tests.launch.trainers:{trainer}"
    return PilotsExecutor(folder, question, corpora, trainer=name, **options)


def pilot(folder: Path, *options: str, workers: int = 1) -> subprocess.Popen[str]:
    """`bestiary worker` on a folder."""
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "bestiary.cli", "worker", str(folder)),
            *("--workers", str(workers), "--patience", "30", *options),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str], seconds: float = 60.0) -> tuple[int, str]:
    """Exit code and all that was said, once it is gone."""
    said, _ = process.communicate(timeout=seconds)
    return process.returncode, said


def left_over(folder: Path) -> list[Path]:
    """Orders, claims and answers that nobody has removed."""
    return [
        path
        for kind in ("orders", "claimed", "answers")
        for path in (folder / "pilots" / kind).rglob("*")
        if path.is_file()
    ]
