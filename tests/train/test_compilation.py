"""Compiled programs are kept per user, JAX and processor; damage only costs time."""

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from bestiary.train import cache_folder, enable_compilation_cache
from bestiary.train._program import _compiled

COMPILE = """
import os, sys, warnings
import jax
from bestiary.train import enable_compilation_cache
warnings.simplefilter("ignore")
for cache in sys.argv[1:]:
    os.environ["BESTIARY_CACHE"] = cache
    print(enable_compilation_cache())
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    print(float(jax.jit(lambda x: (x * 3).sum())(jax.numpy.arange(4.0))))
"""


def compiled_with(*caches: str) -> list[str]:
    environment = {"JAX_PLATFORMS": "cpu", "HOME": "/nonexistent"}
    command = [sys.executable, "-c", COMPILE, *caches]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=200, check=True
    )
    return done.stdout.splitlines()


def entries(folder: Path) -> dict[str, bytes]:
    files = folder.rglob("*-cache")
    return {path.name: path.read_bytes() for path in files}


@pytest.mark.slow
def test_the_cache_is_filled_used_and_survives_damage(tmp_path: Path) -> None:
    folder, value = compiled_with(str(tmp_path))
    assert Path(folder).is_relative_to(tmp_path)
    assert Path(folder).stat().st_mode & 0o077 == 0
    filled = entries(tmp_path)
    assert value == "18.0"
    assert filled
    for path in Path(folder).glob("*-cache"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert compiled_with(str(tmp_path)) == [folder, "18.0"]


@pytest.mark.slow
def test_without_a_cache_it_computes_as_well(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert compiled_with("off", str(file / "below")) == ["None", "18.0"] * 2


def test_the_folder_names_what_decides_the_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BESTIARY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    folder = cache_folder()
    assert folder is not None
    assert folder.is_relative_to("/somewhere/bestiary")
    assert jax.__version__ in folder.name
    assert "cpu" in folder.name


def test_a_cache_that_jax_has_already_stays(tmp_path: Path) -> None:
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        assert enable_compilation_cache() == tmp_path
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_an_option_that_this_compiler_does_not_have_is_left_out() -> None:
    lowered = jax.jit(lambda x: x + 1).lower(1.0)
    options: dict[str, str | bool] = {"xla_cpu_of_another_year": True, "xla_cpu_use_mklnn": False}
    assert float(_compiled(lowered, options)(1.0)) == 2.0
    with pytest.raises(jax.errors.JaxRuntimeError):
        _compiled(lowered, {"xla_backend_optimization_level": "high"})
