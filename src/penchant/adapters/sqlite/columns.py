"""Rows of the log into columns, chunk by chunk, without a Python object for each event."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.events.log import EventColumns
from penchant.types import Pseudonym

_NUMBERS: tuple[tuple[int, Any], ...] = (
    (0, np.int64), (1, np.int64), (2, np.float64), (3, np.int64), (4, np.int8),
    (8, np.float32), (9, np.float32), (10, np.float32),
)  # fmt: skip
_CODED = (5, 6, 7)


class ColumnBuilder:
    """Takes rows (position, person, time, sequence, type, item, session, query, value, price, quantity)."""

    def __init__(self) -> None:
        self._parts: dict[int, list[NDArray[Any]]] = {n: [] for n in range(11)}
        self._codes: dict[int, dict[Any, int]] = {n: {None: -1} for n in _CODED}

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """One more chunk."""
        cells = list(zip(*rows, strict=True))
        for number, kind in _NUMBERS:
            self._parts[number].append(np.array(cells[number], dtype=kind))
        for number in _CODED:
            codes = self._codes[number]
            self._parts[number].append(
                np.fromiter(
                    (codes.setdefault(cell, len(codes) - 1) for cell in cells[number]), np.int32, len(rows)
                )
            )

    def build(self, names: Mapping[int, str]) -> EventColumns:
        """All chunks as columns in the order of people and their own time."""
        column = {n: np.concatenate(parts) if parts else np.zeros(0) for n, parts in self._parts.items()}
        # Somebody may have been erased between the reading of the events and that of the names.
        known = np.isin(column[1], np.fromiter(names, np.int64, len(names)))
        if not known.all():
            column = {n: cells[known] for n, cells in column.items()}
        numbers, person = np.unique(column[1].astype(np.int64), return_inverse=True)
        order = np.lexsort((column[0], column[3], column[2], person))
        return EventColumns(
            people=[Pseudonym(names[int(number)]) for number in numbers],
            items=self._strings(5),
            queries=self._strings(7),
            person=person[order].astype(np.int32),
            item=column[5][order].astype(np.int32),
            query=column[7][order].astype(np.int32),
            session=column[6][order].astype(np.int64),
            type=column[4][order].astype(np.int8),
            time=column[2][order].astype(np.float64),
            value=column[8][order].astype(np.float32),
            price=column[9][order].astype(np.float32),
            quantity=column[10][order].astype(np.float32),
            position=column[0][order].astype(np.int64),
        )

    def _strings(self, number: int) -> list[str]:
        return [cell for cell in self._codes[number] if cell is not None]
