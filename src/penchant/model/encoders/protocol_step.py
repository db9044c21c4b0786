"""What the serving form of an encoder is. Numpy only, so that serving need not load torch."""

from collections.abc import Mapping
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Weights = Mapping[str, Array]


class StepEncoder(Protocol):
    """One token at a time; equal to the training form to 1e-5. Leading axes of any shape are allowed."""

    @property
    def state_size(self) -> int:
        """Numbers S in the state of one person."""
        ...

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """From the weights of the training form, by their names there."""
        ...

    def step(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        """One token: state (..., S), x (..., D), days (...) to the new state and behaviour (..., D)."""
        ...

    def sequence(self, state: Array, x: Array, days: Array) -> tuple[Array, Array]:
        """L ≥ 1 tokens: state (..., S), x (L, ..., D), days (L, ...) to new state and behaviour (..., D)."""
        ...


@runtime_checkable
class LazyStep(StepEncoder, Protocol):
    """An encoder whose state moves without making behaviour, which is made when it is asked for."""

    def advance(self, state: Array, x: Array, days: float) -> Array:
        """State (S,) of one person after one token x (D,); the state that was given stays as it is."""
        ...

    def readout(self, state: Array, x: Array) -> Array:
        """Behaviour (D,) of a state (S,) whose last token was x (D,)."""
        ...
