"""Several people, one token each: the recurrence of :mod:`recurrent_step` in few numpy calls.

With the matrices of :mod:`recurrent_single`, into which all that can be is folded. Rows are few, so a call
costs as much as its arithmetic; nothing is kept between two calls.
"""

import numpy as np

from penchant.model.encoders.numeric import EPS, rms_norm
from penchant.model.encoders.protocol_step import Array
from penchant.model.encoders.recurrent_single import Folded, mixed_in, silu_of_half


class Rows:
    """Made of the folded ``layers``, the decay per day of every number of a state (S,), and the weights of
    the last norm (D,)."""

    def __init__(self, layers: list[Folded], rates: Array, norm: Array) -> None:
        self._layers = layers
        self._rates = -rates
        self._norm = norm

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        """States (R, S) after tokens x (R, D) that came ``days`` (R,) after the ones before, and behaviour
        (R, D)."""
        after = days[:, None] * self._rates
        np.exp(after, after)
        after *= state
        after *= np.float32(0.5)
        rows, dim = x.shape
        for place, layer in enumerate(self._layers):
            now = after[:, place * dim : (place + 1) * dim]
            mixed = _normed(x) @ layer.mix
            opened = np.tanh(mixed[:, : 2 * dim])
            mixed_in(now, mixed[:, 2 * dim :], opened[:, :dim], np.empty_like(x))
            gate = opened[:, dim:]
            silu_of_half(mixed[:, dim : 2 * dim], gate)
            gate *= now
            x = np.concatenate([gate, x, np.ones((rows, 1), np.float32)], 1) @ layer.out
            up = _normed(x) @ layer.up
            opened = np.tanh(up[:, : 2 * dim])
            silu_of_half(up[:, : 2 * dim], opened)
            opened *= up[:, 2 * dim :]
            x = np.concatenate([opened, x, np.ones((rows, 1), np.float32)], 1) @ layer.down
        return after, rms_norm(x, self._norm)


def _normed(x: Array) -> Array:
    """Divided by its root mean square, and a last column of ones: (R, D + 1)."""
    rows, dim = x.shape
    inner = np.ones((rows, dim + 1), np.float32)
    scale = np.einsum("rd,rd->r", x, x)
    scale *= np.float32(1 / dim)
    scale += np.float32(EPS)
    np.sqrt(scale, scale)
    np.divide(x, scale[:, None], inner[:, :dim])
    return inner
