"""A study's records: all that its answer rests on in one compact file, without its folder.

JSON lines, compressed: the study first, then every planned run with its result, then their count
and a hash of all lines before, so that a file which was cut or changed is refused. Training curves
stay behind, which are most of a study's bytes and of which no answer is made.
"""

import gzip
import zlib
from hashlib import sha256
from pathlib import Path

import msgspec

from bestiary.errors import UserError
from bestiary.specs import Planned, RunResult, Spec, Study, run_id
from bestiary.store._elsewhere import TAKEN_FROM
from bestiary.store._file import ordered_json
from bestiary.store._older import read_study
from bestiary.store._study import StudyStore
from bestiary.store._whole import open_file, write_whole

SUFFIX = ".records.jsonl.gz"
VERSION = 1
# Of the text inside; a small file may hold terabytes of zeros.
MOST_BYTES = 10**9


class RecordedStudy(Spec, frozen=True, kw_only=True):
    """A study with its runs.

    Attributes:
        study: The question.
        planned: Every run that was ever needed, by run id, in the order of planning.
        results: Results by run id, without training curves.
        command: The command that produced the study.
        begun_with: The program that began it, as `software()` names it.
        price: Of one device for one hour; 0 where nothing was said.
    """

    study: Study
    planned: dict[str, Planned]
    results: dict[str, RunResult]
    command: str
    begun_with: dict[str, str]
    price: float


class _Head(Spec, frozen=True, kw_only=True):
    records: int
    meta: dict[str, str]
    study: msgspec.Raw


class _Line(Spec, frozen=True, kw_only=True):
    planned: Planned
    result: RunResult | None = None


class _End(Spec, frozen=True, kw_only=True):
    runs: int
    sha256: str


def is_records(path: Path) -> bool:
    """Whether a path is one of records, by its name."""
    return path.name.endswith(SUFFIX)


def require_records(path: Path) -> None:
    """Find out before any work whether records can be put there.

    Raises:
        UserError: they cannot.
    """
    if not is_records(path) or path.is_dir() or not path.parent.is_dir():
        raise UserError(
            f"records go into a file NAME{SUFFIX} in a folder that exists, got {path}; choose "
            "another --records"
        )


def write_records(store: StudyStore, path: Path) -> int:
    """Write what a store has committed so far; the same store gives the same bytes.

    Args:
        store: The study.
        path: The file, whose name ends with `.records.jsonl.gz`.

    Returns:
        How many runs were written.

    Raises:
        UserError: the file cannot be written.
    """
    require_records(path)
    planned, results = store.planned(), store.results()
    meta = {key: text for key, text in store.meta().items() if key not in ("study", "digest")}
    head = _Head(records=VERSION, meta=meta, study=msgspec.Raw(ordered_json(store.study).encode()))
    lines = [_Line(planned=one, result=_bare(results.get(key))) for key, one in planned.items()]
    body = b"".join(msgspec.json.encode(one) + b"\n" for one in (head, *lines))
    end = _End(runs=len(lines), sha256=sha256(body).hexdigest())
    try:
        write_whole(path, gzip.compress(body + msgspec.json.encode(end) + b"\n", mtime=0))
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; choose another --records"
        ) from None
    return len(lines)


def read_records(path: Path) -> RecordedStudy:
    """Read what `write_records` wrote.

    Raises:
        UserError: no such file, of a newer Bestiary, or not what was written.
    """
    try:
        with open_file(path) as held, gzip.open(held, "rb") as file:
            text = file.read(MOST_BYTES + 1)
        return _checked(text.splitlines(keepends=True), path)
    except FileNotFoundError:
        raise UserError(f"no such file: {path}; check the path") from None
    except (OSError, EOFError, zlib.error, ValueError, LookupError) as error:
        raise UserError(f"{path} is damaged ({error}); get a whole copy of it") from None


def restore(records: RecordedStudy, folder: Path) -> int:
    """Make records a study folder again, which can be gone on with; what is there already stays.

    Returns:
        How many results were added.

    Raises:
        UserError: the folder holds another study, or cannot be written.
    """
    with (
        StudyStore.create(
            folder, records.study, command=records.command, begun_with=records.begun_with
        ) as store,
        store.driving() as there,
    ):
        added = {key: one for key, one in records.results.items() if key not in there.results}
        if records.price:
            store.set_price(records.price)
        store.plan(records.planned.values())
        for key, result in added.items():
            store.commit(result, store.begin_attempt(key))
    return len(added)


def _checked(lines: list[bytes], path: Path) -> RecordedStudy:
    head = msgspec.json.decode(lines[0], type=_Head)
    if head.records > VERSION:
        raise UserError(
            f"{path} has records of version {head.records}, this Bestiary reads up to {VERSION}; "
            "install a newer one"
        )
    end = msgspec.json.decode(lines[-1], type=_End)
    if end.sha256 != sha256(b"".join(lines[:-1])).hexdigest():
        raise LookupError("its lines are not those that were written")
    runs = {
        run_id(one.planned.run): one
        for one in (msgspec.json.decode(line, type=_Line) for line in lines[1:-1])
    }
    results = {key: one.result for key, one in runs.items() if one.result is not None}
    if strange := [key for key, one in results.items() if one.run_id != key]:
        raise LookupError(f"the result of {strange[0][:12]} is another run's")
    return RecordedStudy(
        study=read_study(bytes(head.study).decode()),
        planned={key: one.planned for key, one in runs.items()},
        results=results,
        command=head.meta["command"],
        begun_with=msgspec.json.decode(head.meta["software"], type=dict[str, str]),
        price=float(head.meta["price"]),
    )


def _bare(result: RunResult | None) -> RunResult | None:
    """Without its curve, and without where on a machine another study lies: only its name."""
    if result is None:
        return None
    environment = dict(result.environment)
    if TAKEN_FROM in environment:
        environment[TAKEN_FROM] = Path(environment[TAKEN_FROM]).name
    return msgspec.structs.replace(result, curve=(), environment=environment)
