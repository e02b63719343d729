"""The standard library is one corpus per Python version."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bestiary.data import Corpus
from bestiary.data._stdlib import stdlib_files
from bestiary.errors import UserError

STDLIB = """
import sys
from bestiary.data import prepare, source
print(prepare([source("stdlib")], sys.argv[1]).spec.digest)
assert "jax" not in sys.modules
"""


@pytest.mark.slow
def test_the_standard_library_is_one_corpus_in_every_process(tmp_path: Path) -> None:
    digests = [
        subprocess.run(
            [sys.executable, "-c", STDLIB, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert digests[0] == digests[1]
    corpus = Corpus.open(tmp_path / "1", digests[0])
    assert corpus.spec.name == "stdlib"
    assert corpus.manifest.python == ".".join(map(str, sys.version_info[:3]))
    assert corpus.train_token_count > 4e6
    for split in ("selection", "report"):
        assert 2.5e5 < corpus.validation(split, 1).shape[0] < 6e5
    library = {path.read_bytes() for _, path in stdlib_files()}
    for split in ("selection", "report"):
        text = corpus.validation(split, 1)[:, 0].astype("u1").tobytes()
        assert set(text.split(b"\0")[:-1]) <= library


def test_the_standard_library_leaves_out_what_differs_between_machines(tmp_path: Path) -> None:
    for name in (
        "b.py",
        "a/z.py",
        "a/b.py",
        "test/t.py",
        "site-packages/x.py",
        "config-3.11-x86/c.py",
        "sitecustomize.py",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("pass\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "b.py")
    (tmp_path / "a" / "notes.txt").write_text("no")
    assert [name for name, _ in stdlib_files(tmp_path)] == ["a/b.py", "a/z.py", "b.py"]
    with pytest.raises(UserError, match="this Python has no"):
        list(stdlib_files(tmp_path / "test" / "none"))
