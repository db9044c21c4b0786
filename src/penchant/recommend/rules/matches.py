"""Which rules hold of which items, asked once for each version of the catalogue."""

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import CatalogView
from penchant.errors import PenchantError
from penchant.recommend.rules.compiled import CompiledRules

AT_ONCE = 10_000
"""Items that are read at once."""

Bits = NDArray[np.uint8]


class Matches(NamedTuple):
    """Of R rules and the first N rows of one version of the catalogue.

    Attributes:
        version: of the catalogue. size: N. bits: (R, N / 8 rounded up), a bit for each row.
        known: (N,) bool; a row that could not be asked about is not shown. turn: how often such rows were
            asked about again within the version.
    """

    version: int
    size: int
    bits: Bits
    known: NDArray[np.bool_]
    turn: int = 0

    def rows(self, rule: int) -> NDArray[np.bool_]:
        """Rows of which a rule holds, shape (N,)."""
        return np.unpackbits(self.bits[rule], count=self.size).view(np.bool_)


class Follows:
    """Keeps :class:`Matches` of one document in step with the catalogue.

    Where the catalogue says which rows changed only those are asked about again.
    """

    def __init__(self, rules: CompiledRules, catalog: Catalog) -> None:
        self._rules = rules
        self._catalog = catalog
        self._lock = Lock()
        self._now: Matches | None = None

    def at(self, view: CatalogView) -> Matches:
        """Of that view. Whoever comes first after a change asks, the others wait for it."""
        now = self._now
        if now is not None and now.version == view.version and now.size == len(view):
            return now
        with self._lock:
            now = self._now
            if now is None or now.version != view.version or now.size != len(view):
                self._now = now = self._made(view, now)
            return now

    def again(self, view: CatalogView) -> None:
        """Ask about what could not be asked before: a disk that failed for a moment must hide nothing for
        good."""
        with self._lock:
            now = self._now
            if now is None or now.version != view.version or now.size != len(view):
                return
            rows = np.flatnonzero(view.listed[: now.size] & ~now.known).tolist()
            if rows:
                after = _grown(now, view)
                self._ask(rows, after, view)
                self._now = after._replace(turn=now.turn + 1)

    def _ask(self, rows: Sequence[int], after: Matches, view: CatalogView) -> None:
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            _patch(after, part, *_asked(part, view, self._rules, self._catalog))

    def _made(self, view: CatalogView, before: Matches | None) -> Matches:
        rows = None if before is None else view.changed_since(before.version)
        if before is None or rows is None:
            before, rows = _nothing(len(self._rules.rules), view.version), range(len(view))
        after = _grown(before, view)
        self._ask([row for row in rows if view.listed[row]], after, view)
        return after


def _nothing(rules: int, version: int) -> Matches:
    return Matches(version, 0, np.zeros((rules, 0), np.uint8), np.zeros(0, dtype=bool))


def _grown(before: Matches, view: CatalogView) -> Matches:
    """A copy for all rows of the view; new ones are not known."""
    size = len(view)
    bits = np.zeros((len(before.bits), -(-size // 8)), np.uint8)
    bits[:, : before.bits.shape[1]] = before.bits
    known = np.zeros(size, dtype=bool)
    known[: before.size] = before.known
    return Matches(view.version, size, bits, known)


def _asked(
    rows: Sequence[int], view: CatalogView, rules: CompiledRules, catalog: Catalog
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What holds of each row (len(rows), R), and whether it could be asked."""
    try:
        items = catalog.many([view.ids[row] for row in rows])
        found = rules.of_items([items[view.ids[row]] for row in rows if view.ids[row] in items])
    except PenchantError:
        return np.zeros((len(rows), len(rules.rules)), dtype=bool), np.zeros(len(rows), dtype=bool)
    there = np.array([view.ids[row] in items for row in rows], dtype=bool)
    holds = np.zeros((len(rows), len(rules.rules)), dtype=bool)
    holds[there] = found
    return holds, there


def _patch(after: Matches, rows: Sequence[int], holds: NDArray[np.bool_], there: NDArray[np.bool_]) -> None:
    """Write what holds of ``rows`` into matches that nobody reads yet."""
    for row, held in zip(rows, holds, strict=True):
        bit = np.uint8(128 >> (row & 7))
        after.bits[:, row >> 3] &= ~bit
        after.bits[held, row >> 3] |= bit
    after.known[rows] = there
