"""A seeded permutation of range(size) that needs no memory: any index, any order, vectorised.

A Feistel network on pairs (l, r) with l < a, r < b, a b >= size (a about the square root of it):

    l <- (l + f(r)) mod a,    r <- (r + f(l)) mod b,    several times, f a keyed hash.

Every half step is invertible, so the whole is a permutation of range(a b); values that fall outside
range(size) are sent through again (cycle walking), which happens to one in sqrt(size).
Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (2002).
"""

import hashlib
import math

import numpy as np

ROUNDS = 6
GOLDEN = 0x9E3779B97F4A7C15
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
HALF = np.uint64(32)
ROUND_KEYS = tuple(np.uint64((GOLDEN * (i + 1)) % 2**64) for i in range(2 * ROUNDS))


def key_of(*parts: int) -> int:
    """64 key bits from integers of any size."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def shuffled(index_N: np.ndarray, size: int, key: int) -> np.ndarray:
    """Walk through range(size) once per epoch, each epoch in another order.

    Args:
        index_N: Non-negative running indices; index // size is the epoch.
        size: Length of an epoch, at least 1.
        key: Which family of orders.

    Returns:
        int64 values in range(size), shaped like `index_N`.
    """
    epoch_N, within_N = np.divmod(np.atleast_1d(index_N).astype(np.uint64), np.uint64(size))
    key_N = _hash(epoch_N, np.uint64(key), ROUND_KEYS[0])
    return permuted(within_N, size, key_N).astype(np.int64).reshape(np.shape(index_N))


def permuted(index_N: np.ndarray, size: int, key_N: np.ndarray) -> np.ndarray:
    """The images of indices below `size` under the permutations that the keys name (uint64)."""
    a = math.isqrt(size - 1) + 1
    b = -(-size // a)
    image_N = _network(index_N, a, b, key_N)
    while (outside_N := image_N >= size).any():
        image_N[outside_N] = _network(image_N[outside_N], a, b, key_N[outside_N])
    return image_N


def _network(x_N: np.ndarray, a: int, b: int, key_N: np.ndarray) -> np.ndarray:
    left_N, right_N = np.divmod(x_N, np.uint64(b))
    for i in range(ROUNDS):
        left_N = (left_N + _hash(right_N, key_N, ROUND_KEYS[2 * i])) % np.uint64(a)
        right_N = (right_N + _hash(left_N, key_N, ROUND_KEYS[2 * i + 1])) % np.uint64(b)
    return left_N * np.uint64(b) + right_N


def _hash(x_N: np.ndarray, key_N: np.ndarray | np.uint64, round_key: np.uint64) -> np.ndarray:
    """32 bits of a multiply-xorshift hash (arithmetic modulo 2^64)."""
    h_N = (x_N + round_key ^ key_N) * FIRST
    h_N ^= h_N >> HALF
    h_N *= SECOND
    return h_N >> HALF
