"""Which results an answer rests on: a study here, its records, imported ones, or published."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bestiary.errors import UserError, unknown
from bestiary.store import ForeignImport, StudyStore, foreign_imports, is_records, kept_scores

if TYPE_CHECKING:  # it computes, and a command that only parses its flags must not
    from bestiary.evidence import Evidence, TargetEvidence

PUBLISHED = ("fantastic2025", "fantastic2025-released")
FILE = "study.sqlite"


def evidence_of(name: str, noise: float = 0.0) -> "Evidence":
    """The results that a name stands for.

    Args:
        name: `fantastic2025` (or `fantastic2025-released`), a study folder, a study's records
            (a file, or by name those that come with Bestiary), or a folder of imported results;
            FOLDER:SOURCE where it holds several.
        noise: Standard deviation between seeds, in nats, of what nobody repeated; 0 leaves it to
            the results.

    Raises:
        UserError: nothing of that name, or a folder that holds no results.
    """
    if name in PUBLISHED:
        from bestiary.evidence import published_evidence

        return _stated(published_evidence(name), noise)
    if (records := records_of(name)) is not None:
        from bestiary.evidence import recorded_evidence

        return recorded_evidence(records, noise or None)
    folder, source = _place(name)
    if is_study(folder) and not source:
        with StudyStore.open(folder, read_only=True) as store:
            return evidence_in(store, noise)
    from bestiary.evidence import imported_evidence

    found = _import(folder, source)
    if found.target:
        raise UserError(
            f"{name} holds {found.target.counted} to a target loss, and no losses; `bestiary "
            "report`, `check` and `compare` read them"
        )
    return imported_evidence(found, assumed_noise=noise or None)


def target_evidence_of(name: str, noise: float = 0.0) -> "TargetEvidence | None":
    """The runs towards a target loss that a name stands for; None where it is something else.

    Args:
        name: As for `evidence_of`.
        noise: Standard deviation between seeds of the logarithm of what a run takes, where nobody
            repeated one; 0 where none is stated.

    Raises:
        UserError: no such source in a folder.
    """
    folder, _, source = name.rpartition(":") if not (Path(name) / FILE).exists() else (name, "", "")
    if not folder or not (Path(folder) / FILE).exists() or (not source and is_study(Path(folder))):
        return None
    found = _import(Path(folder), source)
    if found.target is None:
        return None
    from bestiary.evidence import target_evidence

    return target_evidence(found, stated=noise or None)


def records_of(name: str) -> Path | None:
    """The file of a study's records that a name stands for; None where it is something else."""
    if is_records(Path(name)):
        return Path(name)
    if Path(name).exists():
        return None
    from bestiary.evidence import recorded_studies

    return recorded_studies().get(name)


def _stated(evidence: "Evidence", noise: float) -> "Evidence":
    """The published study with another noise than its ablations'."""
    if not noise:
        return evidence
    from bestiary.evidence import unmeasured_noise

    found = {size: unmeasured_noise(own, noise) for size, own in evidence.sizes.items()}
    return msgspec.structs.replace(evidence, noise=found)


def evidence_in(store: StudyStore, noise: float = 0.0) -> "Evidence":
    """Everything a study has committed so far; its noise as stated where nothing was repeated."""
    from bestiary.evidence import own_evidence, with_scores

    meta = store.meta()
    found = own_evidence(
        store.study,
        store.planned(),
        store.results(),
        command=meta["command"],
        price=float(meta["price"]),
        assumed_noise=noise or None,
    )
    return with_scores(found, {one.run_id: one for one in kept_scores(store.scores_folder)})


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
            from bestiary.evidence import recorded_studies

            here = [str(path.parent) for path in sorted(Path().glob(f"*/{FILE}"))]
            raise unknown("results", name, [*PUBLISHED, *recorded_studies(), *here])
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
