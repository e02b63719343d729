"""QR and eigenvectors of a batch of matrices, safe inside compiled loops on a CPU.

On CPUs, jaxlib 0.10 splits a *batched* LAPACK call over XLA's thread pool and blocks one of the
pool's own threads until the parts are done. As many such calls as threads, running at once, wait
for each other for ever: SOAP in a `lax.scan` on two cores did. A call for one matrix never waits,
so on CPUs the batch is a loop; elsewhere it stays a batch. The library's QR of a batch is a loop
on GPUs too, so there it is `_householder.py`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import sequential_vmap

from bestiary.optimizers._householder import householder_q


def orthonormal_columns(x_GMM: Array) -> Array:
    """The factor Q of the QR decomposition of each matrix."""
    return one_by_one_on_cpu(lambda x: jnp.linalg.qr(x)[0], x_GMM, elsewhere=householder_q)


def eigenvectors(x_GMM: Array) -> Array:
    """The eigenvectors of each symmetric matrix as columns, smallest eigenvalue first."""
    return one_by_one_on_cpu(lambda x: jnp.linalg.eigh(x)[1], x_GMM)


def one_by_one_on_cpu(
    function: Callable[..., Array],
    *batches: Array,
    elsewhere: Callable[..., Array] | None = None,
) -> Array:
    """Apply a function that also takes single matrices to batches of them.

    On CPUs it maps over the leading axis, and over any axis that `vmap` adds. For whatever ends in
    LAPACK: factorizations and triangular solves.

    Args:
        function: Of one matrix of each batch; of the batches themselves on other platforms.
        batches: With a leading axis.
        elsewhere: What other platforms apply to the batches in place of `function`.
    """
    single = sequential_vmap(function)
    return jax.lax.platform_dependent(
        *batches,
        cpu=lambda *arrays: jax.lax.map(lambda one: single(*one), arrays),
        default=elsewhere or function,
    )
