"""The step form of :mod:`penchant.model.encoders.recurrent`. Numpy only."""

from typing import Self

import numpy as np

from penchant.model.encoders.numeric import linear, rms_norm, sigmoid, silu, split
from penchant.model.encoders.protocol_step import Array, Weights


class RecurrentStep:
    """Equal to the training form to float32 rounding; work per event does not grow with the history."""

    def __init__(self, layers: list[Weights], norm: Array) -> None:
        self._layers = layers
        self._norm = norm
        self.state_size = len(norm) * len(layers)

    @classmethod
    def of(cls, weights: Weights) -> Self:
        count = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
        layers = [
            {name.split(".", 2)[2]: w for name, w in weights.items() if name.startswith(f"layers.{i}.")}
            for i in range(count)
        ]
        return cls([{**layer, "rate": np.exp(layer["rate"])} for layer in layers], weights["norm.weight"])

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        after: list[Array] = []
        for weights, before in zip(self._layers, split(state, len(self._layers)), strict=True):
            decay, write, gate = self._parts(weights, x, days)
            now = decay * before + write
            after.append(now)
            x = self._read(weights, x, now, gate)
        return np.concatenate(after, -1), rms_norm(x, self._norm)

    def sequence(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        after: list[Array] = []
        for weights, before in zip(self._layers, split(state, len(self._layers)), strict=True):
            decay, write, gate = self._parts(weights, x, days)
            now = before
            for t in range(len(x)):
                now = decay[t] * now + write[t]
                write[t] = now
            after.append(now)
            x = self._read(weights, x, write, gate)
        return np.concatenate(after, -1), rms_norm(x[-1], self._norm)

    def _parts(self, weights: Weights, x: Array, days: Array) -> tuple[Array, Array, Array]:
        mixed = linear(rms_norm(x, weights["norm.weight"]), weights, "mix")
        keep, write, gate = split(mixed, 3)
        keep = sigmoid(keep)
        return keep * np.exp(-days[..., None] * weights["rate"]), (1 - keep) * write, gate

    def _read(self, weights: Weights, x: Array, state: Array, gate: Array) -> Array:
        x = x + linear(state * silu(gate), weights, "out")
        gate, value = split(linear(rms_norm(x, weights["mlp_norm.weight"]), weights, "up"), 2)
        return x + linear(silu(gate) * value, weights, "down")
