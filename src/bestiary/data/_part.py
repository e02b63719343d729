"""The shards of one part of a corpus, written as its documents come."""

from pathlib import Path
from typing import final

import numpy as np

from bestiary.data._manifest import Part, ShardRecord
from bestiary.data._shard import write_shard

SHARD_TOKENS = 2**26


@final
class PartWriter:
    """Collects documents and writes a shard whenever one is full."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._pending: list[np.ndarray] = []
        self._pending_tokens = 0
        self._text_bytes = 0
        self._records: list[ShardRecord] = []

    def add(self, tokens: np.ndarray, text_bytes: int) -> None:
        """Append a document."""
        self._pending.append(tokens)
        self._pending_tokens += tokens.size
        self._text_bytes += text_bytes
        if self._pending_tokens >= SHARD_TOKENS:
            self._flush()

    def close(self, quota: int) -> Part:
        """Write what is left, and describe the part."""
        if self._pending:
            self._flush()
        return Part(quota=quota, text_bytes=self._text_bytes, shards=tuple(self._records))

    def _flush(self) -> None:
        file = f"{self._name}-{len(self._records):05}.bin"
        sha256 = write_shard(self._folder / file, self._pending)
        record = ShardRecord(file=file, tokens=self._pending_tokens, sha256=sha256)
        self._records.append(record)
        self._pending, self._pending_tokens = [], 0
