"""Imports climb one ladder: each line of docs/architecture.md imports only from lines above it."""

import ast
import re
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "bestiary"
LADDER = (
    ("errors",),
    ("specs",),
    ("store",),
    ("optimizers", "models", "data", "laws"),
    ("train",),
    ("downstream",),
    ("tune",),
    ("launch",),
    ("evidence",),
    ("measures",),
    ("answers",),
    ("report",),
    ("studies",),
    ("trackers",),
    ("cli",),
    ("interactive",),
)
LEVEL = {name: level for level, names in enumerate(LADDER) for name in names}
WITHOUT_JAX = (
    *("errors", "specs", "store", "data", "laws", "tune"),
    *("evidence", "measures", "answers", "report", "trackers"),
)
FORBIDDEN_NAMES = ("utils", "helpers", "common", "misc", "manager")


def line_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports anywhere in it, also inside functions."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def test_imports_come_from_above() -> None:
    for path in FILES:
        own = line_of(path)
        for module in imports(path):
            if module.startswith("bestiary."):
                other = module.split(".")[1]
                below = other == own or LEVEL[other] < LEVEL[own]
                assert below, f"{path}: {own} may not import {module}"
            private = own not in ("__main__",) and module.startswith("jax._src")
            assert not private, f"{path} imports private JAX: {module}"


def test_plain_data_lines_never_import_jax() -> None:
    for path in FILES:
        if line_of(path) in WITHOUT_JAX:
            heavy = {module.split(".")[0] for module in imports(path)}
            assert not heavy & {"jax", "optax", "orbax"}, path


def test_a_report_shows_and_works_nothing_out() -> None:
    for path in FILES:
        if line_of(path) == "report":
            found = imports(path)
            statistics = ("bestiary.laws", "scipy", "numpy", "statistics")
            assert not [one for one in found if one.startswith(statistics)], path


def test_class_names_are_unique() -> None:
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    # Every command has its flags, and each is the only one of its file.
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert twice.keys() <= {"Flags"}, twice


def test_no_file_has_a_name_that_means_nothing() -> None:
    assert not [path for path in FILES if path.stem.strip("_") in FORBIDDEN_NAMES]


def statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Those of a module, and of what it imports for the type checker alone."""
    return [one for node in body for one in (node, *getattr(node, "body", ()))]


def test_every_export_is_wanted_outside_of_its_package() -> None:
    """What only its own package imports is no export; what a page documents is wanted there."""
    root = SOURCE.parent.parent
    texts = {
        path: set(re.findall(r"\w+", path.read_text()))
        for folder in ("src", "tests", "benchmarks", "docs")
        for path in (root / folder).rglob("*")
        if path.suffix in (".py", ".md")
    }
    for package in SOURCE.rglob("__init__.py"):
        outside = set().union(
            *(words for path, words in texts.items() if package.parent not in path.parents)
        )
        for node in statements(ast.parse(package.read_text()).body):
            names = [alias.asname or alias.name for alias in getattr(node, "names", [])]
            unwanted = [name for name in names if name[0] != "_" and name not in outside]
            assert not unwanted, f"{package} exports what nobody imports: {unwanted}"
