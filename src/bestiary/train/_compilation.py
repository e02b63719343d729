"""The persistent compilation cache: a program compiled once is loaded by every later process."""

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

from bestiary.train._threads import start_jax

OFF = "off"


def cache_folder() -> Path | None:
    """Where compiled programs are kept: one folder per user, JAX version, platform and CPU.

    A cached program is machine code, so the processor's features are part of the folder's name, and
    so is the number of threads it divides its sums over.
    `BESTIARY_CACHE` names another base folder than the user's cache directory, or is `off`.

    Returns:
        The folder, which need not exist, or None where the cache is switched off.
    """
    chosen = os.environ.get("BESTIARY_CACHE", "")
    if chosen == OFF:
        return None
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bestiary"
    base = Path(chosen) if chosen else user
    threads = "1-thread" if start_jax() == "1" else f"{os.cpu_count()}-threads"
    versions = f"jax-{version('jax')}-{version('jaxlib')}-{jax.default_backend()}-{threads}"
    return base / "compiled" / f"{versions}-{_processor_digest()}"


def enable_compilation_cache() -> Path | None:
    """Switch the persistent cache on; training does this itself.

    A cache that JAX has been given already, for instance by its own environment variable, stays. A
    folder that cannot be written, or that another user owns (it would hold native code of
    theirs), leaves the cache off: compilation is then slower, and nothing else changes. A damaged
    entry is compiled again.

    Returns:
        The folder in use, or None.
    """
    given = getattr(jax.config, "jax_compilation_cache_dir", None)
    if given:
        return Path(given)
    folder = cache_folder()
    if folder is None or not _own(folder):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Small programs too: a run has a handful, and tiny models compile in about a second.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


@contextmanager
def without_compilation_cache() -> Iterator[None]:
    """Compile anew within: what is made for devices that are not here would be kept, not read.

    JAX remembers whether it uses a cache, so it is asked again before and after.
    """
    used = getattr(jax.config, "jax_enable_compilation_cache", True)
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", used)
        compilation_cache.reset_cache()


def _own(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    except OSError:
        return False
    return mine and os.access(folder, os.W_OK)


def _processor_digest() -> str:
    """A short name for what this processor can execute."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        features = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:12]
