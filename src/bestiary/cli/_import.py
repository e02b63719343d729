"""`bestiary import`: keep the published study's files, or anybody's results, beside own ones."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._folders import default_folder
from bestiary.cli._listing import print_json
from bestiary.cli._results import records_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec
from bestiary.store import (
    ForeignImport,
    import_file,
    import_into,
    load_mapping,
    read_fantastic2025,
    read_records,
    restore,
)

FANTASTIC = "fantastic2025"


class Flags(Spec, frozen=True, kw_only=True):
    """Import results.

    Attributes:
        what: `fantastic2025`; a file of results: .csv, .tsv, .json, .jsonl or a .gz of them; or a
            study's records, NAME.records.jsonl.gz or by name those that come with Bestiary, which
            become a study folder again.
        path: The folder of the files of `fantastic2025`.
        mapping: How the columns of a file are to be read: .toml or .json (docs/reproduction.md).
        target_loss: The loss that runs train until they reach, in the mapping's unit, where its
            results are tokens, steps or seconds to a target and it does not say; 0 for none.
        out: The folder that keeps them; by default `bestiary-SOURCE` here, or a study folder.
        json: Print JSON.
    """

    what: tyro.conf.Positional[str] = ""
    path: tyro.conf.Positional[str] = ""
    mapping: str = ""
    target_loss: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0
    out: str = ""
    json: Switch = False


def run(flags: Flags) -> None:
    """Read everything, and only then write."""
    if flags.what and (records := records_of(flags.what)) is not None:
        _restore(flags, records)
        return
    imported = _read(flags)
    source = imported.origin.source
    folder = Path(flags.out) if flags.out else default_folder(source)
    added = import_into(folder, imported)
    if flags.json:
        print_json(_record(imported, folder, added))
        return
    kept = f"{added} results added" if added else "kept already, nothing added"
    tell(
        f"{source}: {len(imported.results)} results read, {kept}, in {folder}",
        *imported.notes,
        f"Ask them: bestiary check 'X is faster than {imported.baseline}' {folder}",
        *([f"What each needed: bestiary report {folder}"] if imported.target else []),
    )


def _restore(flags: Flags, records: Path) -> None:
    """Records as a study folder."""
    if flags.path or flags.mapping or flags.target_loss:
        raise UserError("records need no second path, no mapping and no target; drop them")
    held = read_records(records)
    folder = Path(flags.out) if flags.out else default_folder(held.study.name)
    added = restore(held, folder)
    if flags.json:
        print_json({"folder": str(folder), "read": len(held.results), "added": added})
        return
    tell(
        f"{held.study.name}: {len(held.results)} results read, {added} added, in {folder}",
        f"Its page: bestiary report {folder}",
    )


def _read(flags: Flags) -> ForeignImport:
    if flags.what == FANTASTIC:
        if flags.target_loss:
            raise UserError(f"{FANTASTIC} has losses and no target; drop --target-loss")
        if not flags.path:
            raise UserError("name the folder of its files: bestiary import fantastic2025 FOLDER")
        return read_fantastic2025(Path(flags.path))
    if not flags.what:
        raise UserError("name what to import: bestiary import FILE --mapping MAPPING.toml")
    if not flags.mapping:
        raise UserError(
            f"columns are never guessed; say how to read {flags.what}: --mapping MAPPING.toml"
        )
    if flags.path:
        raise UserError(f"unexpected argument {flags.path!r}; import one file at a time")
    how = load_mapping(Path(flags.mapping), target_loss=flags.target_loss or None)
    return import_file(Path(flags.what), how)


def _record(imported: ForeignImport, folder: Path, added: int) -> dict[str, Any]:
    return {
        "source": imported.origin.source,
        "folder": str(folder),
        "read": len(imported.results),
        "added": added,
        "notes": list(imported.notes),
    }
