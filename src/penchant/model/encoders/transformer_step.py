"""The step form of :mod:`penchant.model.encoders.transformer`. Numpy only."""

from typing import Self

import numpy as np

from penchant.model.encoders.numeric import by_steps, gated_mlp, layers_of, linear, rms_norm, split
from penchant.model.encoders.protocol_step import Array, Weights


class TransformerStep:
    """Equal to the training form to float32 rounding; work per event is that of one row of attention."""

    def __init__(self, weights: Weights) -> None:
        self._layers = layers_of(weights)
        self._norm = weights["norm.weight"]
        self._places = weights["layers.0.ago"].shape[1] - 1
        self.state_size = self._places * (2 * len(self._norm) * len(self._layers) + 1)

    @classmethod
    def of(cls, weights: Weights) -> Self:
        return cls(weights)

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        kept, ages = state[..., : -self._places], state[..., -self._places :]
        now = np.ones((*ages.shape[:-1], 1), np.float32)
        ages = np.concatenate([np.where(ages > 0, ages + 24 * days[..., None], 0), now], -1, dtype=np.float32)
        hours = np.log(np.maximum(ages, 1))[..., None, :]
        shut = np.where(ages > 0, np.float32(0), np.float32(-np.inf))[..., None, :]
        after: list[Array] = []
        for layer, before in zip(self._layers, split(kept, len(self._layers)), strict=True):
            x, known = _attend(layer, x, before, shut - layer["fade"][:, None] * hours)
            after.append(known)
        return np.concatenate([*after, ages[..., 1:]], -1), rms_norm(x, self._norm)

    def sequence(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        return by_steps(self.step, state, x, days)


def _attend(layer: Weights, x: Array, before: Array, bias: Array) -> tuple[Array, Array]:
    """Inputs (..., D), flat keys and values before, bias (..., heads, W) to (..., D) and the newest ones."""
    lead, dim, (heads, window) = x.shape[:-1], x.shape[-1], layer["ago"].shape
    query, key, value = split(linear(rms_norm(x, layer["norm.weight"]), layer, "mix"), 3)
    known = np.concatenate([before, key, value], -1)
    keys, values = np.moveaxis(known.reshape(*lead, window, 2, heads, dim // heads), -3, 0)
    scores = np.einsum("...whd,...hd->...hw", keys, query.reshape(*lead, heads, -1))
    scores = scores / np.float32((dim // heads) ** 0.5) + layer["ago"][:, ::-1] + bias
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    seen = np.einsum("...hw,...whd->...hd", weights, values).reshape(*lead, dim)
    x = x + linear(seen, layer, "out")
    return gated_mlp(x, layer), known[..., 2 * dim :]
