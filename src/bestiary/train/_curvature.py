"""Second-order information about the loss of a step, for the optimizers that declare a need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bestiary import models
from bestiary.specs import ModelSpec


@dataclass(frozen=True)
class Curvature:
    """The curvature of the training loss on some sequences; nothing is computed until asked.

    Parameters and vectors may be the model's tree, or a flat dictionary from path (`"layers/q"`) to
    array; a dictionary may leave parameters out, which are then held fixed. Results have the shape
    of the argument. Ask inside a `lax.cond` on the step where curvature is not needed every step.

    Attributes:
        model: The shape of the model.
        dtype: Type of activations and matrix products.
        sequences: Tokens (B, S); with gradient accumulation the first micro-batch of the step.
        params: All current parameters.
        key: A random key of its own for every (seed, step).
        parts: Into how many the sequences are divided to be computed one after another, for want of
            memory. Sums then have another order, and sampled targets are another draw.
    """

    model: ModelSpec
    dtype: Any
    sequences: jax.Array
    params: Any
    key: jax.Array
    parts: int = 1

    @property
    def tokens(self) -> int:
        """Predicted tokens in the sequences: the factor of the Gauss-Newton-Bartlett estimator."""
        sequences, length = self.sequences.shape
        return sequences * (length - 1)

    def hessian_vector(self, params: Any, vector: Any) -> Any:
        """The Hessian of the mean loss times a vector, forward over reverse.

        Args:
            params: Where the Hessian is taken.
            vector: Of the same structure.
        """

        def product(sequences: jax.Array, _: jax.Array) -> Any:
            def gradient(given: Any) -> Any:
                return jax.grad(lambda one: self._loss(self._complete(one), sequences))(given)

            return jax.jvp(gradient, (params,), (vector,))[1]

        return self._mean(product, self.key)

    def sampled_gradient(self, params: Any, key: jax.Array) -> Any:
        """The gradient of the mean loss with targets drawn from the model itself.

        Its square times `tokens` estimates the diagonal of the Gauss-Newton matrix (Sophia-G,
        arXiv 2305.14342); its expectation is zero.

        Args:
            params: Where the gradient is taken.
            key: Decides the targets; `self.key` is one.
        """

        def gradient(sequences: jax.Array, key: jax.Array) -> Any:
            return jax.grad(lambda given: self._sampled_loss(given, sequences, key))(params)

        return self._mean(gradient, key)

    def _mean(self, of: Callable[[jax.Array, jax.Array], Any], key: jax.Array) -> Any:
        """The mean over the parts of what is computed of each, with a key of its own."""
        if self.parts == 1:
            return of(self.sequences, key)
        sequences_ABS = self.sequences.reshape(self.parts, -1, self.sequences.shape[1])

        def add(total: Any, part: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, of(*part)), None

        shapes = jax.eval_shape(of, sequences_ABS[0], key)
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        total, _ = jax.lax.scan(add, zero, (sequences_ABS, jax.random.split(key, self.parts)))
        return jax.tree.map(lambda leaf: leaf / self.parts, total)

    def _loss(self, params: Any, sequences: jax.Array) -> jax.Array:
        return models.loss(params, sequences, self.model, self.dtype)

    def _sampled_loss(self, given: Any, sequences: jax.Array, key: jax.Array) -> jax.Array:
        logits_BTV = models.logits(self._complete(given), sequences[:, :-1], self.model, self.dtype)
        drawn_BT = jax.random.categorical(key, jax.lax.stop_gradient(logits_BTV))
        return optax.softmax_cross_entropy_with_integer_labels(logits_BTV, drawn_BT).mean()

    def _complete(self, given: Any) -> Any:
        """The model's tree, with the given leaves in their places."""
        leaves = _by_path(given)
        paths, structure = _by_path(self.params), jax.tree.structure(self.params)
        return jax.tree.unflatten(structure, [leaves.get(path, own) for path, own in paths.items()])


def _by_path(tree: Any) -> dict[str, jax.Array]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
