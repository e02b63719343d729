"""Near copies: documents that share most of their long n-grams with other documents.

Every 64 bytes of a text are an n-gram; those that begin with one in 32 of all 8-byte words are its
fingerprints. The choice depends on the n-gram alone, so a passage that two documents share gives
both the same fingerprints, wherever it stands. Source: Manber, "Finding similar files in a large
file system" (1994).

Only documents that may validate are remembered; all others stream past them.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from bestiary.data._ahead import ahead

WINDOW_BYTES = 64
ONE_IN = 32
COPIED = 0.5  # of its fingerprints stand elsewhere too: a near copy

_THREADS = 4
_BUFFER_BYTES = 2**17  # arrays of this many numbers stay in the cache
_WORD = 8
_ANCHORS = (np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B))
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SIEVE_BITS = 24


class Passage(NamedTuple):
    """The text of a document, and its place in the random order, which copies share."""

    position: int
    text: bytes


class _Prints(NamedTuple):
    """Fingerprints of several documents, and the position of the document of each."""

    value: np.ndarray
    position: np.ndarray


def near_copies(candidates: Iterable[Passage], others: Iterable[Passage]) -> frozenset[int]:
    """The positions of the candidates that are near copies of each other or of other documents.

    Args:
        candidates: Documents that may validate; their fingerprints are held in memory.
        others: All other documents, once. A copy of a candidate has its position and is none.
    """
    value_F, owner_F = _distinct(candidates)
    if not value_F.size:
        return frozenset()
    elsewhere_F = _shared(value_F)
    sieve = np.zeros(2**_SIEVE_BITS, bool)
    sieve[_bucket(value_F)] = True
    for prints in _fingerprints(others):
        likely = prints.value[sieve[_bucket(prints.value)]]
        first_F = np.searchsorted(value_F, likely)  # of equal ones all but the first are marked
        first_F = np.minimum(first_F, value_F.size - 1)
        elsewhere_F[first_F[value_F[first_F] == likely]] = True
    owners, index_F = np.unique(owner_F, return_inverse=True)
    share = np.bincount(index_F, elsewhere_F) / np.bincount(index_F)
    return frozenset(owners[share >= COPIED].tolist())


def _distinct(passages: Iterable[Passage]) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of a fingerprint and the position of a document that has it, once, sorted."""
    found = list(_fingerprints(passages))
    value_F = np.concatenate([prints.value for prints in found] or [np.empty(0, np.uint64)])
    owner_F = np.concatenate([prints.position for prints in found] or [np.empty(0, np.int64)])
    order_F = np.lexsort((owner_F, value_F))
    value_F, owner_F = value_F[order_F], owner_F[order_F]
    new_F = np.ones(value_F.size, bool)
    new_F[1:] = (value_F[1:] != value_F[:-1]) | (owner_F[1:] != owner_F[:-1])
    return value_F[new_F], owner_F[new_F]


def _shared(value_F: np.ndarray) -> np.ndarray:
    """Which of the sorted fingerprints stand there more than once, for two documents."""
    same_F = value_F[1:] == value_F[:-1]
    return np.append(same_F, False) | np.insert(same_F, 0, False)


def _bucket(value_F: np.ndarray) -> np.ndarray:
    return value_F >> np.uint64(64 - _SIEVE_BITS)


def _fingerprints(passages: Iterable[Passage]) -> Iterator[_Prints]:
    """The fingerprints of documents, many short documents at a time, while the next are read."""
    return ahead(_printed, _batches(passages), _THREADS)


def _batches(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    held: list[Passage] = []
    size = 0
    for passage in passages:
        held.append(passage)
        size += len(passage.text)
        if size >= _BUFFER_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


def _printed(passages: list[Passage]) -> _Prints:
    text = b"".join(passage.text for passage in passages)
    end_P = np.cumsum([len(passage.text) for passage in passages])
    place_F = _anchors(text)
    document_F = np.searchsorted(end_P, place_F, side="right")
    whole_F = place_F + WINDOW_BYTES <= end_P[document_F]
    position_P = np.array([passage.position for passage in passages], np.int64)
    return _Prints(_hashed(text, place_F[whole_F]), position_P[document_F[whole_F]])


def _anchors(text: bytes) -> np.ndarray:
    """Where the windows begin whose first word is one of the chosen.

    Arithmetic modulo 2^32 on whole arrays: h = first 4 bytes * a + next 4 bytes * b.
    """
    if len(text) < WINDOW_BYTES:
        return np.empty(0, np.int64)
    byte_N = np.frombuffer(text, np.uint8).astype(np.uint32)
    pair_N = byte_N[:-1] + (byte_N[1:] << np.uint32(8))
    four_N = pair_N[:-2] + (pair_N[2:] << np.uint32(16))
    hash_N = four_N[:-4] * _ANCHORS[0] + four_N[4:] * _ANCHORS[1]
    return np.flatnonzero(hash_N < np.uint32(2**32 // ONE_IN))


def _words(text: bytes) -> np.ndarray:
    """The 8 bytes from every byte of a text on, as numbers: a view that overlaps itself."""
    return np.ndarray((len(text) - _WORD + 1,), "<u8", buffer=text, strides=(1,))


def _hashed(text: bytes, place_F: np.ndarray) -> np.ndarray:
    """64 bits of a multiply-xorshift hash of the window at every place."""
    hash_F = np.zeros(place_F.size, np.uint64)
    if place_F.size:
        words = _words(text)
        for offset in range(0, WINDOW_BYTES, _WORD):
            hash_F = (hash_F ^ words[place_F + offset]) * _FIRST
            hash_F ^= hash_F >> np.uint64(29)
    return hash_F
