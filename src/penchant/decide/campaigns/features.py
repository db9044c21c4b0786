"""Columns of a trial as numbers that learners read, and which of them say nothing."""

from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.decide.campaigns.sample import Features
from penchant.decide.regression import Floats
from penchant.decide.tables import Column
from penchant.errors import NotEnoughData

MOST_LEVELS: Final = 30
"""Levels of a text that get a column each; the rest is told by how often a level occurs."""
_FEW: Final = 20
_DAY: Final = 86_400.0
_GRID: Final = np.linspace(0.0005, 0.9995, 1000)
_SCORES: Final = np.array([NormalDist().inv_cdf(float(p)) for p in _GRID])


class Read(NamedTuple):
    """Features and where they come from.

    Attributes:
        features: of n people.
        used: names of columns.
        left_out: why each other column is not used.
        summary: (n, used) one number a column, to compare arms by.
    """

    features: Features
    used: list[str]
    left_out: dict[str, str]
    summary: Floats


def read_features(columns: list[Column]) -> Read:
    """Make features of columns; what says nothing, or names each row, is left out.

    Raises:
        NotEnoughData: no column is left.
    """
    trees: list[Floats] = []
    lines: list[Floats] = []
    summary: list[Floats] = []
    left_out: dict[str, str] = {}
    used: list[str] = []
    for column in columns:
        why = useless(column)
        if why:
            left_out[column.name] = why
            continue
        as_trees, as_lines = _text(column) if column.kind == "text" else _number(column)
        used.append(column.name)
        trees += as_trees
        lines += as_lines
        summary.append(as_trees[0])
    if not used:
        raise NotEnoughData("no column is left to tell people by: " + words_left_out(left_out))
    return Read(
        Features(np.column_stack(trees).astype(np.float32), np.column_stack(lines)),
        used,
        left_out,
        np.column_stack(summary),
    )


def words_left_out(left_out: dict[str, str]) -> str:
    """Columns and why, in one line.

    >>> words_left_out({"id": "names each row"})
    'id (names each row)'
    """
    return ", ".join(f"{name} ({why})" for name, why in left_out.items()) or "there are no other columns"


def useless(column: Column) -> str:
    """Why a column is left out; nothing where it is used.

    >>> useless(Column("id", "number", np.arange(100.0)))
    'a number of its own for each row'
    >>> useless(Column("age", "number", np.array([20.0, 30, 20, 40])))
    ''
    """
    present = column.numbers[~np.isnan(column.numbers)]
    values, counts = np.unique(present, return_counts=True)
    if not len(values):
        return "empty"
    if len(values) == 1 and len(present) == len(column.numbers):
        return "the same for all"
    if len(values) < 2 * _FEW:
        return ""
    return (
        _text_like_an_id(counts)
        if column.kind == "text"
        else _number_like_an_id(column, present, len(values))
    )


def _text_like_an_id(counts: NDArray[np.int64]) -> str:
    if len(counts) > 0.5 * counts.sum():
        return "a name of its own for nearly each row"
    return "" if counts.max() >= _FEW else "no value occurs often enough"


def _number_like_an_id(column: Column, present: Floats, different: int) -> str:
    whole = bool((present == np.round(present)).all())
    alone = different > 0.99 * len(present)
    if column.kind == "number" and whole and alone and _numbered(present):
        return "a number of its own for each row"
    return ""


def _numbered(values: Floats) -> bool:
    """Whether they run on, or go far beyond what is counted or paid: ids, and not amounts."""
    steps = np.diff(values)
    run_on = bool((steps > 0).all() or (steps < 0).all())
    return bool(run_on or np.ptp(values) < 2 * len(values) or values.max() >= 1e9)


def _number(column: Column) -> tuple[list[Floats], list[Floats]]:
    values = column.numbers
    absent = np.isnan(values)
    trees = [values]
    if column.kind == "time":
        trees.append(np.floor(values / _DAY + 3) % 7)
    lines = [_scored(values, absent)]
    if 0.01 < absent.mean() < 0.99:
        lines.append(_standard(absent.astype(np.float64)))
    return trees, lines


def _scored(values: Floats, absent: NDArray[np.bool_]) -> Floats:
    """Normal scores of ranks, so that no tail leads; of few values the values; 0 where missing."""
    present = values[~absent]
    unique, inverse, counts = np.unique(present, return_inverse=True, return_counts=True)
    if len(unique) > _FEW:
        middle = (np.cumsum(counts) - 0.5 * counts) / len(present)
        present = np.interp(middle, _GRID, _SCORES)[inverse]
    found = np.zeros(len(values))
    found[~absent] = _standard(present)
    return found


def _standard(values: Floats) -> Floats:
    return (values - values.mean()) / max(float(values.std()), 1e-12)


def _text(column: Column) -> tuple[list[Floats], list[Floats]]:
    codes = np.where(np.isnan(column.numbers), len(column.levels), column.numbers).astype(np.int64)
    counts = np.bincount(codes, minlength=len(column.levels) + 1)
    often = np.argsort(-counts, kind="stable")
    place = np.empty(len(counts))
    place[often] = np.arange(len(counts))
    least = max(_FEW, len(codes) // 500)
    kept = [int(level) for level in often[:MOST_LEVELS] if counts[level] >= least]
    each = [(codes == level).astype(np.float64) for level in kept]
    lines = [_standard(one) for one in each if 0 < one.mean() < 1] or [np.zeros(len(codes))]
    if int((counts > 0).sum()) <= 2:
        return [place[codes]], lines[:1]
    return [place[codes], *each], lines
