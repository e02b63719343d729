"""A checkpoint is there completely or not at all, and is never silently other bytes."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.train import CheckpointError, _checkpoints
from bestiary.train._checkpoints import (
    clear_unfinished,
    load_arrays,
    load_record,
    save,
    steps,
)

pytestmark = pytest.mark.slow

RECORD = b'{"step": 7}'


def tree(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "weights": {"q": jnp.asarray(rng.normal(size=(3, 4)), jnp.float32)},
        "moments": (jnp.asarray(rng.normal(size=5), jnp.bfloat16), jnp.zeros((0, 3))),
        "count": jnp.int32(seed),
    }


def equal(left: dict[str, Any], right: dict[str, Any]) -> bool:
    pairs = zip(_bytes(left), _bytes(right), strict=True)
    return all(one == other for one, other in pairs)


def _bytes(of: dict[str, Any]) -> list[bytes]:
    leaves = [of["weights"]["q"], *of["moments"], of["count"]]
    return [str(leaf.dtype).encode() + np.asarray(leaf).tobytes() for leaf in leaves]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save(tmp_path, 7, record=RECORD, arrays=tree())


def test_what_is_loaded_is_what_was_saved(saved: Path) -> None:
    assert load_record(saved) == RECORD
    assert equal(load_arrays(saved, tree(1)), tree())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_flipped_bit_is_never_silent(saved: Path) -> None:
    rng = np.random.default_rng(0)
    for file in files(saved):
        content = file.read_bytes()
        for position in rng.integers(len(content), size=min(20, len(content))):
            damaged = bytearray(content)
            damaged[position] ^= 1 << int(rng.integers(8))
            file.write_bytes(damaged)
            with pytest.raises(CheckpointError):
                load_record(saved)
        file.write_bytes(content)
    assert load_record(saved) == RECORD


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(bytes(len(file.read_bytes()))),
        lambda file: file.unlink(),
        lambda file: (file.parent / "foreign").write_bytes(b"x"),
    ],
    ids=["emptied", "truncated", "zeroed", "deleted", "foreign file beside"],
)
def test_a_damaged_file_is_never_silent(damage: Callable[[Path], Any], saved: Path) -> None:
    intact = saved.with_name("intact")
    shutil.copytree(saved, intact)
    for file in files(intact):
        shutil.rmtree(saved)
        shutil.copytree(intact, saved)
        damage(saved / file.relative_to(intact))
        with pytest.raises(CheckpointError):
            load_record(saved)


def test_two_exchanged_files_are_never_silent(saved: Path) -> None:
    first, second = [path for path in files(saved) if path.stat().st_size > 20][:2]
    left, right = first.read_bytes(), second.read_bytes()
    first.write_bytes(right)
    second.write_bytes(left)
    with pytest.raises(CheckpointError):
        load_record(saved)


def test_other_shapes_and_structures_are_refused(saved: Path) -> None:
    wider = {**tree(), "count": jnp.zeros(2, jnp.int32)}
    more = {**tree(), "more": jnp.zeros(2)}
    other_type = {**tree(), "count": jnp.float32(0)}
    for like in (wider, more, other_type):
        with pytest.raises(CheckpointError):
            load_arrays(saved, like)


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (3, 9, 12):
        save(tmp_path, step, record=RECORD, arrays=tree(step))
    assert steps(tmp_path) == [9, 12]
    assert equal(load_arrays(tmp_path / "9", tree()), tree(9))


class Killed(BaseException):
    """What a process does not survive."""


def killed_at(call: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the nth call of the system from now on the last one; returns the calls made."""
    made: list[str] = []

    def last_at(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def counted(*args: Any, **more: Any) -> Any:
            made.append(name)
            if len(made) >= call:
                raise Killed
            return original(*args, **more)

        monkeypatch.setattr(owner, name, counted)

    for owner, name in ((os, "mkdir"), (os, "fsync"), (os, "rename"), (Path, "open")):
        last_at(owner, name)
    remove = shutil.rmtree

    def removed(path: Any, **more: Any) -> None:
        if len(made) < call:  # a killed process does not clean up after itself
            remove(path, **more)

    monkeypatch.setattr(shutil, "rmtree", removed)
    # Orbax works in threads, which cannot be stopped so; all of it is before the rename.
    monkeypatch.setattr(
        _checkpoints, "_write_arrays", lambda folder, arrays: folder.write_bytes(bytes(100))
    )
    return made


def test_a_kill_at_any_call_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 7, record=RECORD, arrays=tree(7))
    call, made, seen = 0, [], []
    while len(made) >= call:
        call += 1
        with monkeypatch.context() as patch:
            made = killed_at(call, patch)
            with contextlib.suppress(Killed):
                save(tmp_path, 8, record=RECORD, arrays=tree(8))
        visible = steps(tmp_path)
        assert visible in ([7], [7, 8])
        for step in visible:
            assert load_record(tmp_path / str(step)) == RECORD
        assert equal(load_arrays(tmp_path / "7", tree()), tree(7))
        seen.append(visible[-1])
        shutil.rmtree(tmp_path / "8", ignore_errors=True)
    # Hidden until the rename, and visible from then on.
    assert seen == [7] * (made.index("rename") + 1) + [8] * (len(seen) - made.index("rename") - 1)
    assert seen[0] == 7
    assert seen[-1] == 8
    clear_unfinished(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["7"]


def test_everything_is_synced_before_it_becomes_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        events.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def renamed(source: Any, target: Any, **more: Any) -> None:
        rename(source, target, **more)
        events.append(("rename", str(target)))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    final = save(tmp_path, 7, record=RECORD, arrays=tree())
    at = events.index(("rename", str(final)))
    before = {name for event, name in events[:at] if event == "fsync"}
    temporary = tmp_path / ".writing-7"
    for entry in [*final.rglob("*"), final]:
        assert str(temporary / entry.relative_to(final)).removesuffix("/.") in before
    assert events[at + 1 :] == [("fsync", str(tmp_path))]


def test_a_disk_that_is_full_loses_nothing(tmp_path: Path) -> None:
    """A real limit on the size of files, in a process of its own."""
    import subprocess
    import sys
    import textwrap

    save(tmp_path, 7, record=RECORD, arrays=tree(7))
    script = textwrap.dedent("""
        import os, resource, signal, sys
        from pathlib import Path
        import jax.numpy as jnp
        from bestiary.train._checkpoints import save
        folder, *limits = sys.argv[1:]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        save(Path(folder) / "warm", 1, record=b"", arrays={"x": jnp.ones(3)})
        for most in map(int, limits):
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
            try:
                save(Path(folder), 8, record=b"r" * 300, arrays={"x": jnp.arange(100000.0)})
            except OSError as error:
                print(most, *sorted(os.listdir(folder)))
    """)
    command = [sys.executable, "-c", script, str(tmp_path), "1", "200", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout.splitlines() == ["1 7 warm", "200 7 warm", "20000 7 warm"]
    assert steps(tmp_path) == [7]
    assert equal(load_arrays(tmp_path / "7", tree()), tree(7))


WRITER = """
import sys
from pathlib import Path
import jax.numpy as jnp
from bestiary.train._checkpoints import save
array = jnp.arange(2**20, dtype=jnp.float32)
for step in range(1, 10_000):
    save(Path(sys.argv[1]), step, record=b"{}", arrays={"array": array + step})
"""


def test_a_kill_in_the_middle_of_a_real_write_leaves_what_was_there(tmp_path: Path) -> None:
    """Orbax writes in threads of its own; the process is killed while files of a draft grow."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
    try:
        deadline = time.monotonic() + 120
        while not (steps(tmp_path) and _is_half_written(tmp_path)):
            assert writer.poll() is None
            assert time.monotonic() < deadline
    finally:
        writer.kill()
        writer.wait()
    clear_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(str, steps(tmp_path)))
    for step in steps(tmp_path):
        kept = load_arrays(tmp_path / str(step), {"array": jnp.zeros(2**20)})["array"]
        assert np.array_equal(kept, np.arange(2**20, dtype=np.float32) + step)


def _is_half_written(folder: Path) -> bool:
    drafts = [path for path in folder.glob(".writing-*") if path.is_dir()]
    return any(file.is_file() for draft in drafts for file in draft.rglob("*"))
