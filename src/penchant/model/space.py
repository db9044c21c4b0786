"""Where `penchant tune` looks for better settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from penchant.model.encoders import ENCODERS

Value = int | float | str


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``; ``log``: as many between 1 and 10 as between 10 and 100."""

    low: float
    high: float
    log: bool = False

    def holds(self, value: Value) -> bool:
        """Whether it is one of them.

        >>> Range(0.1, 1.0).holds(0.5), Range(0.1, 1.0).holds(0.0)
        (True, False)
        """
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    values: tuple[Value, ...]

    def holds(self, value: Value) -> bool:
        """Whether it is one of them."""
        return value in self.values


Space = Mapping[str, Range | Choice]
"""What is searched, by the name of the setting."""


def search_space(short: bool) -> Space:
    """Settings that differ between shops most, for short histories or long ones.

    A width of 128 makes a person's state larger than 1 KiB.

    >>> [name for name in search_space(short=False) if name.startswith("dropout")]
    ['dropout_long']
    """
    # An encoder without a step form cannot serve.
    serving = tuple(name for name, entry in ENCODERS.items() if entry.step)
    return {
        "lr": Range(5e-4, 1e-2, log=True),
        "dropout" if short else "dropout_long": Range(0.0, 0.7),
        "id_dropout": Range(0.0, 0.5),
        "weight_decay": Choice((0.0, 0.01, 0.1, 0.5)),
        "negatives": Choice((256, 512, 1024, 2048)),
        "dim": Choice((32, 64, 128)),
        "layers": Choice((1, 2, 3)),
        "text_dim": Choice((32, 64, 96, 192)),
        "encoder": Choice(serving),
    }
