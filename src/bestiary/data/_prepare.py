"""Text into a corpus on disk: tokenised, split, hashed."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from bestiary.data._ahead import ahead
from bestiary.data._blocks import FILE as BLOCKS
from bestiary.data._blocks import block_sums
from bestiary.data._corpus import Corpus
from bestiary.data._documents import Document, documents
from bestiary.data._draw import SplitDraw, Survey, draw, name_of, survey, total_size
from bestiary.data._known import known, note_of, remember
from bestiary.data._manifest import Content, Manifest, Part, content_digest
from bestiary.data._megatron import check_megatron
from bestiary.data._mixture import quotas
from bestiary.data._part import PartWriter
from bestiary.data._progress import Told, Watch, unwatched
from bestiary.data._publish import publish, scratch, write_durably
from bestiary.data._reading import Reading, SourceReading, SplitReading, Tally
from bestiary.data._shard import check_range, read_shard, token_dtype
from bestiary.data._source import Source
from bestiary.data._split import Split, position
from bestiary.data._stdlib import python_version
from bestiary.data._tokenizer import AbstractTokenizer, load_tokenizer
from bestiary.data._tokenizer_file import FILE as TOKENIZER
from bestiary.errors import UserError
from bestiary.specs import SPLITS, checked

# What goes to the tokenizer at once: enough for all cores, and memory does not follow the text.
DOCUMENTS_AT_ONCE = 256
BYTES_AT_ONCE = 2**22


class _Encoded(NamedTuple):
    """A document as tokens; `position` is its place in the random order."""

    position: int
    split: str
    tokens: np.ndarray
    text_bytes: int


class _Reader(NamedTuple):
    """How text becomes tokens, and how many ids there are."""

    tokenizer: AbstractTokenizer
    vocabulary: int


class _Written(NamedTuple):
    """What lies on the disk, and how it was reached."""

    content: Content
    splits: dict[str, SplitReading]
    unknown: int


def prepare(
    sources: Sequence[Source],
    folder: str | Path,
    tokenizer: str = "byte",
    *,
    vocabulary: int = 256,
    name: str = "",
    told: Told = unwatched,
) -> Corpus:
    """Tokenise sources into shards of three disjoint splits under `folder/<digest>/`.

    All text is read and checked before anything is written. The corpus appears by one rename, so a
    process that is killed leaves nothing that looks whole; what is already there is not touched.
    Files that have not changed since they were prepared into this folder are not read again.
    `Corpus.reading` says what was read, skipped and passed over.

    Args:
        sources: Where the text comes from, with the weights of the mixture.
        folder: Where corpora lie; made where it is missing.
        tokenizer: `byte`, or the path of a tokenizer.json.
        vocabulary: Every token id is below it.
        name: What a person calls the corpus; by default the names of its sources.
        told: Called often, with how far it is.

    Raises:
        UserError: bad sources or text; nothing was written.
        BestiaryError: the disk is full or refuses; nothing is left.
    """
    if not sources:
        raise UserError("a corpus needs at least one source, got none; for instance 'stdlib'")
    sources = tuple(sorted(map(checked, sources), key=lambda source: source.validates))
    if sources[0].validates:
        raise UserError("a corpus needs text to train on, got validation alone; name some more")
    reader = _Reader(load_tokenizer(tokenizer, vocabulary), vocabulary)
    quota = quotas([source.weight for source in sources if not source.validates])
    for source in sources:
        _check_shards(source, vocabulary)
    called = name or "+".join(map(name_of, sources))
    note = note_of(sources, reader.tokenizer.name, vocabulary)
    if found := known(Path(folder), note):
        return Corpus.open(folder, found.digest, name=called, reading=found.reading)
    watch = Watch(told, "read")
    surveys = [survey(source, watch) for source in sources]
    drawn = draw(sources, surveys, quota, told)
    watch = Watch(told, "tokenised", total_size(surveys))
    with scratch(Path(folder)) as path:
        written = _write(path, sources, reader, watch, split=drawn.split, quota=quota)
        _check_unchanged(sources, note, note_of(sources, reader.tokenizer.name, vocabulary))
        reading = _reading(sources, surveys, drawn, written, reader.tokenizer)
        manifest = Manifest(
            name=called,
            content=written.content,
            sources=tuple(map(_printable, sources)),
            tokenizer=_tokenizer_name(sources, reader.tokenizer),
            python=python_version() if any(source.kind == "stdlib" for source in sources) else "",
            reading=reading,
        )
        _describe(path, manifest)
        if reader.tokenizer.file and manifest.tokenizer == reader.tokenizer.name:
            write_durably(path / TOKENIZER, reader.tokenizer.file)
        digest = content_digest(written.content)
        publish(path, Path(folder) / digest)
    remember(Path(folder) / digest, note, reading)
    return Corpus.open(folder, digest, name=called, reading=reading, is_new=True)


def _describe(path: Path, manifest: Manifest) -> None:
    """Write what is known of the shards of a finished corpus beside them."""
    files = [shard.file for part in manifest.content.parts for shard in part.shards]
    sums = {file: block_sums(path / file) for file in files}
    write_durably(path / BLOCKS, msgspec.json.encode(sums))
    write_durably(path / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))


def _printable(source: Source) -> Source:
    """The source with names that a file can hold: those of files may be no text at all."""
    paths = tuple(os.fsencode(path).decode(errors="backslashreplace") for path in source.paths)
    return msgspec.structs.replace(source, paths=paths)


def _check_unchanged(sources: tuple[Source, ...], before: str, after: str) -> None:
    """Two readings must see one text: the first decides what of the second validates."""
    if before != after:
        names = ", ".join(map(name_of, sources))
        raise UserError(f"the files of {names} changed while they were read; prepare again")


def _reading(
    sources: tuple[Source, ...],
    surveys: list[Survey],
    drawn: SplitDraw,
    written: _Written,
    tokenizer: AbstractTokenizer,
) -> Reading:
    return Reading(
        sources=tuple(
            _source_reading(source, one, _unused(source, one, drawn.split, sources))
            for source, one in zip(sources, surveys, strict=True)
        ),
        splits=written.splits,
        unknown=written.unknown,
        looked_at=tokenizer.looked_at,
        lost=tokenizer.lost,
        near_copies=drawn.near_copies,
        copies_left=drawn.copies_left,
    )


def _unused(
    source: Source, survey: Survey, split: Split, sources: tuple[Source, ...]
) -> dict[str, int]:
    """Documents that go into no split, where the text that validates is given, by reason."""
    if not sources[-1].validates:
        return {}
    validating = np.fromiter(split.selection | split.report, np.int64)
    held = np.isin(survey.documents["position"], validating)
    count = int((~held if source.validates else held).sum())
    reason = "beyond what validation sets hold" if source.validates else "that validate"
    return {reason: count} if count else {}


def _source_reading(source: Source, survey: Survey, unused: dict[str, int]) -> SourceReading:
    size = int(survey.documents["size"].sum())
    return SourceReading(
        name=name_of(source),
        files=len(source.paths) or survey.documents.size,
        documents=survey.documents.size,
        text_bytes=round(size * (source.bytes_per_token or 1)) if source.is_tokens else size,
        skipped={**survey.skipped, **unused},
        passed_over=source.passed_over,
    )


def _tokenizer_name(sources: tuple[Source, ...], tokenizer: AbstractTokenizer) -> str:
    return "given" if all(source.is_tokens for source in sources) else tokenizer.name


def _check_shards(source: Source, vocabulary: int) -> None:
    """Token shards carry no text: their ids and bytes per token are checked before anything."""
    if not source.is_tokens:
        return
    if vocabulary > 256 and source.bytes_per_token == 0:
        raise UserError(
            f"token shards carry no text, so say the bytes per token of {source.paths[0]}, as in "
            "PATH,bytes_per_token=4.5 (about right for English with GPT-2 or Llama-3 tokens)"
        )
    for path in source.paths:
        if source.kind == "megatron":
            check_megatron(Path(path), vocabulary)
        else:
            check_range(path, read_shard(path), vocabulary)


def _encoded(
    source: Source, split: Split, reader: _Reader, watch: Watch, *, given: bool
) -> Iterator[_Encoded]:
    """Every document as tokens, many at a time, which lets a tokenizer use all cores.

    The next ones are read, and those before written, while the tokenizer works.
    """

    def work(batch: list[Document]) -> list[tuple[Document, np.ndarray]]:
        return list(zip(batch, _tokens(batch, reader), strict=True))

    for batch in ahead(work, _batches(watch.over(documents(source)))):
        for document, tokens in batch:
            place = position(document.key)
            which = split.of(place)
            if given and (which == "train") == source.validates:
                continue  # what validates but is in no set, or is trained on but stands in one
            text_bytes = len(document.text) or round(tokens.size * (source.bytes_per_token or 1.0))
            yield _Encoded(place, which, tokens, text_bytes)


def _batches(every: Iterator[Document]) -> Iterator[list[Document]]:
    """Documents in order, as many as go to the tokenizer at once."""
    batch: list[Document] = []
    size = 0
    for document in every:
        batch.append(document)
        size += document.size
        if len(batch) == DOCUMENTS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _tokens(batch: list[Document], reader: _Reader) -> list[np.ndarray]:
    if batch[0].tokens is None:
        return reader.tokenizer.encode([document.text for document in batch])
    dtype = token_dtype(reader.vocabulary)
    blocks = [document.tokens for document in batch]
    return [block.astype(dtype) for block in blocks if block is not None]


def _write(
    path: Path,
    sources: tuple[Source, ...],
    reader: _Reader,
    watch: Watch,
    *,
    split: Split,
    quota: tuple[int, ...],
) -> _Written:
    """All shards: training documents as they come, validation documents in the random order."""
    tally = Tally(reader.tokenizer.unknown)
    train: list[Part] = []
    held: list[_Encoded] = []
    for index, source in enumerate(sources):
        writer = PartWriter(path, f"train-{index}")
        for document in _encoded(source, split, reader, watch, given=sources[-1].validates):
            tally.add(document.split, document.tokens, document.text_bytes)
            if document.split == "train":
                writer.add(document.tokens, document.text_bytes)
            else:
                held.append(document)
        if not source.validates:
            train.append(writer.close(quota[index]))
    held.sort(key=lambda document: document.position)
    selection, report = (_validation_part(path, which, held) for which in SPLITS)
    content = Content(
        vocabulary=reader.vocabulary, train=tuple(train), selection=selection, report=report
    )
    return _Written(content, tally.splits(), tally.unknown)


def _validation_part(path: Path, split: str, held: list[_Encoded]) -> Part:
    writer = PartWriter(path, split)
    for document in held:
        if document.split == split:
            writer.add(document.tokens, document.text_bytes)
    return writer.close(0)
