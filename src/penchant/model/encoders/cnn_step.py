"""The step form of :mod:`penchant.model.encoders.cnn`. Numpy only."""

from typing import Self

import numpy as np

from penchant.model.encoders.numeric import layers_of, linear, rms_norm, silu
from penchant.model.encoders.protocol_step import Array, Weights

TAPS = 3
"""Events that one convolution reads, in training too."""


class CnnStep:
    """Equal to the training form to float32 rounding; work per event does not grow with the history."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._dim = len(weights["norm.weight"])
        count = len(layers_of(weights, "blocks"))
        self._dilations = [4**layer * wide for layer in range(count) for wide in (1, 2)]
        self._ends = np.cumsum([(TAPS - 1) * dilation * self._dim for dilation in self._dilations])
        self.state_size = int(self._ends[-1])

    @classmethod
    def of(cls, weights: Weights) -> Self:
        return cls(weights)

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        return self.sequence(state, x[None], days[None])

    def sequence(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        x = x + linear(np.log1p(days)[..., None], self._weights, "time")
        after: list[Array] = []
        parts = np.split(state, self._ends[:-1], -1)
        for layer in range(len(parts) // 2):
            inner, first = self._convolution(2 * layer, x, parts[2 * layer])
            inner, second = self._convolution(2 * layer + 1, inner, parts[2 * layer + 1])
            x = x + inner
            after += [first, second]
        return np.concatenate(after, -1), rms_norm(x[-1], self._weights["norm.weight"])

    def _convolution(self, place: int, x: Array, before: Array) -> tuple[Array, Array]:
        """(L, ..., D) and the flat inputs before (..., ·) to (L, ..., D) and the flat last inputs."""
        name = f"blocks.{place // 2}.{('first', 'second')[place % 2]}"
        dilation, lead = self._dilations[place], x.shape[1:-1]
        kept = np.moveaxis(before.reshape(*lead, -1, self._dim), -2, 0)
        padded = np.concatenate([kept, silu(rms_norm(x, self._weights[f"{name}.norm.weight"]))])
        read = [padded[tap * dilation :][: len(x)] for tap in range(TAPS)]
        last = np.moveaxis(padded[len(x) :], 0, -2).reshape(*lead, -1)
        return linear(np.concatenate(read, -1), self._weights, f"{name}.taps"), last
