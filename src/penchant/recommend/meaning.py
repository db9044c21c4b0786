"""Items whose texts mean what a query says: cosines of text vectors, of all of them or of the nearest."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.texts import TextTable
from penchant.recommend.retrieval.follow import beside
from penchant.recommend.retrieval.port import Floats, Make, Mask, Retriever, Rows

NEAREST = 400
"""Texts that are looked at where not all are."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Held:
    """A form of the first texts of a table; ``rows`` of each text, ordered by ``slots``, of one table."""

    form: Retriever
    levels: Floats
    of: NDArray[np.int32]
    order: Rows
    slots: NDArray[np.int32]


class Meaning:
    """Cosines of a query with the texts of items.

    Args:
        choose: what makes a form that finds the nearest, for a number of texts; None where all are compared.
        run: does what takes long: until it is done, all are compared.
    """

    def __init__(
        self,
        choose: Callable[[int], Make | None] = lambda _: None,
        run: Callable[[Callable[[], None]], None] = beside,
    ) -> None:
        self._choose = choose
        self._run = run
        # What runs at once comes back to it in the same thread.
        self._lock = RLock()
        self._held: _Held | None = None
        self._begun = False

    def nearest(self, query: Floats, table: TextTable, allowed: Mask) -> Rows | None:
        """Allowed rows of the nearest texts, in any order; None where all rows are to be compared.

        Shapes (dim,), and (N,) of the first N rows.
        """
        with self._lock:
            held = self._in_step(table)
            if held is None:
                return None
            known = min(len(allowed), len(table.slot))
            texts = np.zeros(len(held.form), dtype=bool)
            texts[table.slot[:known][allowed[:known]]] = True
            texts[0] = False  # No text is near to nothing.
            found = held.form.best(query, held.levels, texts, NEAREST).rows
            first = np.searchsorted(held.slots, found, "left")
            end = np.searchsorted(held.slots, found, "right")
            parts = [held.order[a:b] for a, b in zip(first.tolist(), end.tolist(), strict=True)]
        rows = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        rows = rows[rows < known]
        return rows[allowed[rows]]

    def _in_step(self, table: TextTable) -> _Held | None:
        """Texts are only ever added to a table, and rows move from one to another."""
        make, held = self._choose(len(table.vectors)), self._held
        if make is None:
            return None
        if held is None or held.form.worn:
            self._begin(table, make)
            held = self._held
        if held is None:
            return None
        known = len(held.form)
        if len(table.vectors) > known:
            new = table.vectors[known:]
            held.levels = np.zeros(len(table.vectors), np.float32)
            held.form.move(np.arange(known, len(table.vectors)), new, held.levels[known:])
        if held.of is not table.slot:
            _order(held, table.slot)
        return held

    def _begin(self, table: TextTable, make: Make) -> None:
        if self._begun:
            return
        self._begun = True

        def work() -> None:
            levels = np.zeros(len(table.vectors), np.float32)
            try:
                form = make(table.vectors, levels)
            except Exception:
                # Not tried again: every search would, and all texts are compared without it.
                _log.exception("no form of the texts' vectors; search compares all of them")
                return
            nothing = np.zeros(0, np.int32)
            held = _Held(form, levels, nothing, np.zeros(0, np.int64), nothing)
            _order(held, table.slot)
            with self._lock:
                self._held, self._begun = held, False

        self._run(work)


def _order(held: _Held, slot: NDArray[np.int32]) -> None:
    held.of, held.order = slot, np.argsort(slot, kind="stable").astype(np.int64)
    held.slots = slot[held.order]
