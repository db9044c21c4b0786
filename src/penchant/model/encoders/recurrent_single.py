"""One person, one token: the recurrence of :mod:`recurrent_step` in as few numpy calls as there can be.

A vector of 64 numbers is so short that a call costs more than its arithmetic, so everything that can be
is folded into the matrices once: weights of norms, biases (a last input that is always 1), the residual
(an identity beside the matrix), and the halves of ``σ(x) = (1 + tanh(x / 2)) / 2``. Work space is kept
for each thread.
"""

import math
import threading

import numpy as np

from penchant.model.encoders.numeric import EPS
from penchant.model.encoders.protocol_step import Array, Weights


class Single:
    """Made of the layers' weights, ``rate`` already as exp, and the weights of the last norm (D,)."""

    def __init__(self, layers: list[Weights], norm: Array) -> None:
        self.layers = [Folded(weights) for weights in layers]
        self._norm = norm
        self._dim = len(norm)
        rates = -np.concatenate([weights["rate"] for weights in layers])
        # exp((days, 1) @ fade) = exp(-rate * days) / 2
        self._fade = np.stack([rates, np.full(len(rates), -math.log(2))]).astype(np.float32)
        self._local = threading.local()

    def advance(self, state: Array, x: Array, days: float) -> Array:
        """State (S,) after a token x (D,) that came ``days`` after the one before. Nothing is read out."""
        room, dim = self._room(), self._dim
        room.gap[0] = days
        room.gap.dot(self._fade, room.fade)
        np.exp(room.fade, room.fade)
        after = state * room.fade
        last = len(self.layers) - 1
        for place, layer in enumerate(self.layers):
            now = after[place * dim : place * dim + dim]
            self._normed(room, x)
            if place == last:
                room.inner.dot(layer.keep_write, room.keep_write)
                np.tanh(room.keep, room.open)
                mixed_in(now, room.write, room.open, room.spare)
                break
            room.inner.dot(layer.mix, room.mixed)
            np.tanh(room.keep_gate, room.opens)
            mixed_in(now, room.late_write, room.open, room.spare)
            x = self._out(room, layer, now, x)
        return after

    def readout(self, state: Array, x: Array) -> Array:
        """Behaviour (D,) of a state (S,) whose last token was x (D,)."""
        room, dim = self._room(), self._dim
        for place, layer in enumerate(self.layers):
            self._normed(room, x)
            room.inner.dot(layer.gate, room.gate)
            np.tanh(room.gate, room.gate_open)
            x = self._out(room, layer, state[place * dim : place * dim + dim], x)
        self._normed(room, x)
        return room.normed * self._norm

    def _out(self, room: "_Room", layer: "Folded", state: Array, x: Array) -> Array:
        """What the next layer reads, (D,) in the work space; the gate and its tanh are there already."""
        silu_of_half(room.gate, room.gate_open)
        np.multiply(room.gate_open, state, room.out_in)
        room.out_rest[:] = x
        room.out.dot(layer.out, room.down_rest)
        self._normed(room, room.down_rest)
        room.inner.dot(layer.up, room.up)
        np.tanh(room.up_gate, room.up_open)
        silu_of_half(room.up_gate, room.up_open)
        np.multiply(room.up_open, room.up_value, room.down_in)
        return room.down.dot(layer.down, room.x)

    def _normed(self, room: "_Room", x: Array) -> None:
        room.scale[0] = 1.0 / math.sqrt(x.dot(x) / self._dim + EPS)
        np.multiply(x, room.scale, room.normed)

    def _room(self) -> "_Room":
        try:
            return self._local.room
        except AttributeError:
            self._local.room = room = _Room(self._dim, self._fade.shape[1])
            return room


def mixed_in(state: Array, write: Array, opened: Array, spare: Array) -> None:
    """``σ·s + (1 - σ)·w`` in place of the state, given s / 2, w / 2 and the tanh of σ."""
    np.subtract(state, write, spare)
    np.multiply(spare, opened, spare)
    np.add(state, write, state)
    np.add(state, spare, state)


def silu_of_half(half: Array, opened: Array) -> None:
    """``x·σ(x)`` in place of tanh(x / 2), given x / 2."""
    np.multiply(opened, half, opened)
    np.add(opened, half, opened)


class Folded:
    """Matrices of one layer, (in, out) so that a row vector meets them in the order of memory."""

    def __init__(self, weights: Weights) -> None:
        mix = _with_bias(weights["mix.weight"] * weights["norm.weight"], weights["mix.bias"])
        keep, write, gate = np.split(0.5 * mix, 3)
        self.mix = _turned(keep, gate, write)
        self.keep_write = _turned(keep, write)
        self.gate = _turned(gate)
        self.out = _turned(_with_rest(weights["out.weight"], weights["out.bias"]))
        up = _with_bias(weights["up.weight"] * weights["mlp_norm.weight"], weights["up.bias"])
        up_gate, up_value = np.split(up, 2)
        self.up = _turned(0.5 * up_gate, up_value)
        self.down = _turned(_with_rest(weights["down.weight"], weights["down.bias"]))


class _Room:
    """Work space of one thread, and the views of it that have a meaning. ``*_rest`` is the residual."""

    def __init__(self, dim: int, states: int) -> None:
        self.gap, self.fade, self.scale = _ones(2), _ones(states), _ones(1)
        self.spare, self.x = _ones(dim), _ones(dim)
        self.inner = _ones(dim + 1)
        self.normed = self.inner[:dim]
        self.mixed = _ones(3 * dim)
        self.keep_gate, self.late_write = self.mixed[: 2 * dim], self.mixed[2 * dim :]
        self.keep, self.gate = self.mixed[:dim], self.mixed[dim : 2 * dim]
        self.keep_write, self.write = self.keep_gate, self.gate  # the last layer has no gate here
        self.opens = _ones(2 * dim)
        self.open, self.gate_open = self.opens[:dim], self.opens[dim:]
        self.out = _ones(2 * dim + 1)
        self.out_in, self.out_rest = self.out[:dim], self.out[dim : 2 * dim]
        self.up, self.up_open = _ones(4 * dim), _ones(2 * dim)
        self.up_gate, self.up_value = self.up[: 2 * dim], self.up[2 * dim :]
        self.down = _ones(3 * dim + 1)
        self.down_in, self.down_rest = self.down[: 2 * dim], self.down[2 * dim : 3 * dim]


def _ones(size: int) -> Array:
    return np.ones(size, np.float32)


def _with_bias(weight: Array, bias: Array) -> Array:
    return np.concatenate([weight, bias[:, None]], 1)


def _with_rest(weight: Array, bias: Array) -> Array:
    return _with_bias(np.concatenate([weight, np.eye(len(weight), dtype=np.float32)], 1), bias)


def _turned(*parts: Array) -> Array:
    return np.ascontiguousarray(np.concatenate(parts).T.astype(np.float32))
