"""Which code an optimizer of another package is: part of the identity of its runs.

A version alone would not do: whoever develops an optimizer installs it once, edits it all day and
expects that what is trained next is what was edited last.
"""

import functools
import hashlib
import importlib.util
from importlib import metadata
from pathlib import Path

DIGITS = 12


@functools.cache
def provenance(point: metadata.EntryPoint) -> str:
    """Package, version and hash of its Python files, for instance `my-optimizers 1.0 0123456789ab`.

    Once per process, which imports the code once as well. Compiled files are named by the version
    alone.
    """
    package = point.dist
    name = f"{package.name} {package.version}" if package else "unknown"
    top = point.module.partition(".")[0]
    return f"{name} {_hash(top)}"


def _hash(module: str) -> str:
    """A hash of the paths and contents of a top-level module's files, wherever it is installed."""
    found = importlib.util.find_spec(module)
    if found is None:
        raise ModuleNotFoundError(f"no module {module!r}", name=module)
    if found.submodule_search_locations:
        roots = map(Path, found.submodule_search_locations)
        files = sorted(
            (file.relative_to(root), file) for root in roots for file in root.rglob("*.py")
        )
    else:
        files = [(Path(module), Path(str(found.origin)))]
    digest = hashlib.sha256()
    for relative, file in files:
        content = file.read_bytes()
        digest.update(f"{relative.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:DIGITS]
