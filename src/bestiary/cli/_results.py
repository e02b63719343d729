"""Which results an answer rests on: a study here, imported results, or the published study."""

from pathlib import Path
from typing import TYPE_CHECKING

from bestiary.errors import UserError, unknown
from bestiary.store import ForeignImport, StudyStore, foreign_imports

if TYPE_CHECKING:  # it computes, and a command that only parses its flags must not
    from bestiary.analysis.answers import Findings

PUBLISHED = ("fantastic2025", "fantastic2025-released")
FILE = "study.sqlite"


def findings_of(name: str) -> "Findings":
    """The findings that a name stands for.

    Args:
        name: `fantastic2025` (or `fantastic2025-released`), a study folder, or a folder of
            imported results; FOLDER:SOURCE where it holds several.

    Raises:
        UserError: nothing of that name, or a folder that holds no results.
    """
    if name in PUBLISHED:
        from bestiary.analysis.answers import published_findings

        return published_findings(name)
    folder, source = _place(name)
    if is_study(folder) and not source:
        from bestiary.analysis.answers import own_findings
        from bestiary.cli._answer import analysis_of

        with StudyStore.open(folder, read_only=True) as store:
            return own_findings(analysis_of(store), store.study)
    from bestiary.analysis.answers import imported_findings

    return imported_findings(_import(folder, source))


def is_study(folder: Path) -> bool:
    """Whether a folder holds an own study, rather than imported results alone."""
    try:
        StudyStore.open(folder, read_only=True).close()
    except UserError:
        # Of a file with imports alone the store says that it holds no study.
        if foreign_imports(folder):
            return False
        raise
    return True


def _place(name: str) -> tuple[Path, str]:
    """The folder and the source of a name."""
    folder, colon, source = name.rpartition(":")
    if not (Path(name) / FILE).exists() and colon and (Path(folder) / FILE).exists():
        return Path(folder), source
    if not (Path(name) / FILE).exists():
        if "/" not in name and not Path(name).exists():
            here = [str(path.parent) for path in sorted(Path().glob(f"*/{FILE}"))]
            raise unknown("results", name, [*PUBLISHED, *here])
        raise UserError(f"{name} holds no results; name a study folder or `{PUBLISHED[0]}`")
    return Path(name), ""


def _import(folder: Path, source: str) -> ForeignImport:
    """The import of a folder, by its source where there are several."""
    found = {one.origin.source: one for one in foreign_imports(folder)}
    if not source and len(found) == 1:
        return next(iter(found.values()))
    if not source:
        raise UserError(
            f"{folder} holds several imports, name one as {folder}:SOURCE: {', '.join(found)}"
        )
    if source not in found:
        raise unknown(f"source in {folder}", source, found)
    return found[source]
