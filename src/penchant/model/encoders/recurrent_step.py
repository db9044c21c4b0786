"""The step form of :mod:`penchant.model.encoders.recurrent`. Numpy only."""

from typing import Self

import numpy as np

from penchant.model.encoders.numeric import gated_mlp, layers_of, linear, rms_norm, sigmoid, silu, split
from penchant.model.encoders.protocol_step import Array, Weights
from penchant.model.encoders.recurrent_rows import Rows
from penchant.model.encoders.recurrent_single import Single


class RecurrentStep:
    """Equal to the training form to float32 rounding; work per event does not grow with the history."""

    def __init__(self, layers: list[Weights], norm: Array) -> None:
        self._layers = layers
        self._norm = norm
        self.state_size = len(norm) * len(layers)
        self._single = Single(layers, norm)
        rates = np.concatenate([layer["rate"] for layer in layers])
        self._rows = Rows(self._single.layers, rates, norm)

    @classmethod
    def of(cls, weights: Weights) -> Self:
        layers: list[Weights] = [{**layer, "rate": np.exp(layer["rate"])} for layer in layers_of(weights)]
        return cls(layers, weights["norm.weight"])

    def advance(self, state: Array, x: Array, days: float) -> Array:
        return self._single.advance(state, x, days)

    def readout(self, state: Array, x: Array) -> Array:
        return self._single.readout(state, x)

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        if x.ndim == 2:
            return self._rows.step(state, x, days)
        if x.ndim > 2:
            return self.sequence(state, x[None], days[None])
        after = self.advance(state, x, float(days))
        return after, self.readout(after, x)

    def sequence(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        after: list[Array] = []
        last = len(self._layers) - 1
        for place, before in enumerate(split(state, len(self._layers))):
            weights = self._layers[place]
            decay, write, gate = self._parts(weights, x, days)
            now = before
            for t in range(len(x)):
                now = decay[t] * now + write[t]
                write[t] = now
            after.append(now)
            end = slice(-1, None) if place == last else slice(None)  # of the last layer nobody reads more
            x = self._read(weights, x[end], write[end], gate[end])
        return np.concatenate(after, -1), rms_norm(x[-1], self._norm)

    def _parts(self, weights: Weights, x: Array, days: Array) -> tuple[Array, Array, Array]:
        mixed = linear(rms_norm(x, weights["norm.weight"]), weights, "mix")
        keep, write, gate = split(mixed, 3)
        keep = sigmoid(keep)
        return keep * np.exp(-days[..., None] * weights["rate"]), (1 - keep) * write, gate

    def _read(self, weights: Weights, x: Array, state: Array, gate: Array) -> Array:
        x = x + linear(state * silu(gate), weights, "out")
        return gated_mlp(x, weights)
