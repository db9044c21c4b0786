"""Who was treated with what: the arms of a trial by the values of a column."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.decide.tables import Column
from penchant.errors import InvalidInput

MOST_ARMS: Final = 10
_NOTHING: Final = frozenset(
    {
        "0",
        "-1",
        "false",
        "no",
        "none",
        "null",
        "control",
        "holdout",
        "hold-out",
        "placebo",
        "nothing",
        "untreated",
        "c",
    }
)
_TRUTH: Final = {"false": "0", "true": "1", "0.0": "0", "1.0": "1"}


class Arms(NamedTuple):
    """Of a trial.

    Attributes:
        control: value of those who got nothing.
        treatments: the other values.
        labels: (n,) value of each row; empty text where missing.
    """

    control: str
    treatments: list[str]
    labels: NDArray[np.str_]


def arms_of(column: Column, control: str | None) -> Arms:
    """Arms by the values of a column; ``control`` names that of the people who got no offer.

    Raises:
        InvalidInput: fewer than two values, too many, or no telling which is the control.

    Values are read as they are written: "none" is one of them, and only an empty cell is missing.

    >>> arms_of(Column("segment", "number", np.array([0.0, 1, 1, 0])), None)[:2]
    ('0', ['1'])
    """
    labels = np.array([label or "" for label in column.names()])
    values = [str(value) for value in np.unique(labels) if value]
    shown = ", ".join(repr(value) for value in values[:12])
    if not 2 <= len(values) <= MOST_ARMS:
        raise InvalidInput(
            f"column {column.name!r} must hold from 2 to {MOST_ARMS} treatments, one of them none; it has "
            f"{len(values)}: {shown}"
        )
    if control is None:
        control = _control(values)
    if control is None:
        raise InvalidInput(
            f"column {column.name!r}: which value are the people who got no offer? Name it by "
            f"--control; there "
            f"are: {shown}"
        )
    found = alike(control, values)
    if found is None:
        raise InvalidInput(f"column {column.name!r} has no value {control!r}; there are: {shown}")
    return Arms(found, [value for value in values if value != found], labels)


def alike(word: str, values: Sequence[str]) -> str | None:
    """That of some values which a word means: itself, or spelled in other letters; 0 and 1 are truths.

    >>> alike("False", ["false", "true"]), alike("0", ["False", "True"]), alike("mail", ["email"])
    ('false', 'False', None)
    """
    if word in values:
        return word
    found = [value for value in values if _folded(value) == _folded(word)]
    return found[0] if len(found) == 1 else None


def _folded(value: str) -> str:
    folded = value.strip().casefold()
    return _TRUTH.get(folded, folded)


def _control(values: list[str]) -> str | None:
    """The one value that says nothing was done; None where none or several do."""
    found = [value for value in values if value.strip().lower() in _NOTHING]
    if not found:
        found = [
            value for value in values if value.strip().lower().split()[0] in ("no", "without", "control")
        ]
    return found[0] if len(found) == 1 else None
