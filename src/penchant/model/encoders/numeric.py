"""The few functions that numpy step forms share. Float32 in, float32 out."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.protocol_step import Array, Weights

EPS = 1e-6
"""Of a root mean square, in training too."""

Step = Callable[[Array, Array, Array], tuple[Array, Array]]
"""See :meth:`~penchant.model.encoders.protocol_step.StepEncoder.step`."""


def sigmoid(x: NDArray[Any]) -> Array:
    """``1 / (1 + exp(-x))`` without overflow.

    >>> sigmoid(np.array([0.0, -1e9], np.float32)).tolist()
    [0.5, 0.0]
    """
    return (0.5 * (1 + np.tanh(0.5 * x))).astype(np.float32, copy=False)


def silu(x: Array) -> Array:
    """``x · sigmoid(x)``."""
    return x * sigmoid(x)


def rms_norm(x: Array, weight: Array) -> Array:
    """Divided by its root mean square over the last axis, times ``weight`` (D,)."""
    squares = np.einsum("...d,...d->...", x, x)[..., None]  # half the time of a mean
    return x / np.sqrt(squares * np.float32(1 / x.shape[-1]) + np.float32(EPS)) * weight


def linear(x: Array, weights: Weights, name: str) -> Array:
    """``x W' + b`` with the weights called ``name`` (torch's layout: (out, in))."""
    weight = weights[f"{name}.weight"]
    # One product of two matrices: numpy would multiply each slice of more axes on its own.
    y = x.reshape(-1, x.shape[-1]) @ weight.T if x.ndim > 2 else x @ weight.T
    y += weights[f"{name}.bias"]
    return y.reshape(*x.shape[:-1], len(weight))


def layers_of(weights: Weights, name: str = "layers") -> list[Weights]:
    """The weights of each layer, by their names there.

    >>> zero = np.zeros(1, np.float32)
    >>> layers_of({"layers.0.out.bias": zero, "layers.1.out.bias": zero, "norm": zero})[1].keys()
    dict_keys(['out.bias'])
    """
    count = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith(f"{name}."))
    return [
        {key.split(".", 2)[2]: w for key, w in weights.items() if key.startswith(f"{name}.{layer}.")}
        for layer in range(count)
    ]


def gated_mlp(x: Array, layer: Weights) -> Array:
    """The step form of :func:`penchant.model.encoders.fused.gated_mlp`."""
    gate, value = split(linear(rms_norm(x, layer["mlp_norm.weight"]), layer, "up"), 2)
    return x + linear(silu(gate) * value, layer, "down")


def by_steps(step: Step, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
    """``sequence`` of an encoder that reads one token after the other: (L, ..., D) and (L, ...)."""
    h = state
    for t in range(len(x)):
        state, h = step(state, x[t], days[t])
    return state, h


def split(x: NDArray[Any], parts: int) -> list[Array]:
    """The last axis in equal parts, as views: ``np.split`` without its checks, which cost more than a step.

    >>> [part.tolist() for part in split(np.arange(4, dtype=np.float32), 2)]
    [[0.0, 1.0], [2.0, 3.0]]
    """
    size = x.shape[-1] // parts
    return [x[..., start : start + size] for start in range(0, parts * size, size)]
