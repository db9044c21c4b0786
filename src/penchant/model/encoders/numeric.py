"""The few functions that numpy step forms share. Float32 in, float32 out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.protocol_step import Array, Weights


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
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + np.float32(1e-6)) * weight


def linear(x: Array, weights: Weights, name: str) -> Array:
    """``x W' + b`` with the weights called ``name`` (torch's layout: (out, in))."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
