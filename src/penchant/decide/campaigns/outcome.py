"""What came of it, as numbers: of two words, which one counts as 1."""

from typing import Final, NamedTuple

import numpy as np

from penchant.decide.campaigns.arms import alike
from penchant.decide.regression import Floats
from penchant.decide.tables import Column
from penchant.errors import InvalidInput

_YES: Final = {"yes": "no", "y": "n", "true": "false", "t": "f", "1": "0"}
_AGAINST: Final = ("not ", "no ", "non-", "non ", "not-", "not_", "no_", "no-")


class Outcome(NamedTuple):
    """Of each row.

    Attributes:
        numbers: (n,) NaN where missing.
        success: the word, or the number, that counts as 1; None of an amount.
    """

    numbers: Floats
    success: str | None


def outcome_of(column: Column, success: str | None) -> Outcome:
    """The outcome by a column of numbers or of words; ``success`` names the one that counts as 1.

    Raises:
        InvalidInput: there is no such value, or no telling which of the words is the success.

    >>> outcome_of(Column("got", "text", np.array([0.0, 1, np.nan]), ("bought", "not bought")), None)
    Outcome(numbers=array([ 1.,  0., nan]), success='bought')
    """
    missing = np.isnan(column.numbers)
    names = np.array(["" if gone else name or "" for name, gone in zip(column.names(), missing, strict=True)])
    values = [str(value) for value in np.unique(names[~missing])]
    if success is None and column.kind != "text":
        ones = np.unique(names[column.numbers == 1])
        binary = bool(np.isin(column.numbers[~missing], (0.0, 1.0)).all()) and len(ones)
        return Outcome(column.numbers, str(ones[0]) if binary else None)
    word = _told(values) if success is None else alike(success, values)
    if word is None:
        shown = ", ".join(repr(value) for value in values[:12])
        raise InvalidInput(
            f"column {column.name!r}, the outcome: "
            + ("which word counts as 1? Name it by --success" if success is None else f"no value {success!r}")
            + f"; there are: {shown}"
        )
    one = names == word
    if column.kind != "text":
        one = column.numbers == column.numbers[one][0]
    return Outcome(np.where(missing, np.nan, one.astype(np.float64)), word)


def _told(values: list[str]) -> str | None:
    """Of two words the one that says yes; None where neither does."""
    if len(values) != 2:
        return None
    one, other = values
    if _denies(other, one):
        return one
    return other if _denies(one, other) else None


def _denies(word: str, of: str) -> bool:
    word, of = word.strip().casefold(), of.strip().casefold()
    return _YES.get(of) == word or any(word == before + of for before in _AGAINST)
