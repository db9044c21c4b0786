"""The step form of :mod:`penchant.model.encoders.lstm`. Numpy only."""

from typing import Self

import numpy as np

from penchant.model.encoders.numeric import by_steps, linear, rms_norm, sigmoid, split
from penchant.model.encoders.protocol_step import Array, Weights


class LstmStep:
    """Equal to the training form to float32 rounding."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._depth = sum(name.startswith("lstm.weight_ih_l") for name in weights)
        self.state_size = 2 * self._depth * len(weights["norm.weight"])

    @classmethod
    def of(cls, weights: Weights) -> Self:
        return cls(weights)

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        parts = split(state, 2 * self._depth)
        hidden, cell = parts[: self._depth], parts[self._depth :]
        x = x + linear(np.log1p(days)[..., None], self._weights, "time")
        for layer in range(self._depth):
            hidden[layer], cell[layer] = self._cell(layer, x, hidden[layer], cell[layer])
            x = hidden[layer]
        return np.concatenate([*hidden, *cell], -1), rms_norm(x, self._weights["norm.weight"])

    def sequence(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        return by_steps(self.step, state, x, days)

    def _cell(self, layer: int, x: Array, hidden: Array, cell: Array) -> tuple[Array, Array]:
        w = self._weights
        gates = x @ w[f"lstm.weight_ih_l{layer}"].T + w[f"lstm.bias_ih_l{layer}"]
        gates = gates + hidden @ w[f"lstm.weight_hh_l{layer}"].T + w[f"lstm.bias_hh_l{layer}"]
        enter, forget, new, out = split(gates, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
        return sigmoid(out) * np.tanh(cell), cell
