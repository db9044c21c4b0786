"""Linear programs: a port for the solver."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Maximise ``values @ x`` with ``A x <= limits`` and 0 <= x <= 1.

    Attributes:
        values: (V,) of each variable.
        row, column, factor: entries of A, one by one.
        limits: (R,) of each row.
    """

    values: Floats
    row: Rows
    column: Rows
    factor: Floats
    limits: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Best ``x`` (V,), and what one more unit of each limit would bring, (R,), none below 0."""

    x: Floats
    prices: Floats


class Solver(Protocol):
    """Solves linear programs: ``adapters/highs_programs.py``."""

    def solve(self, program: Program) -> Solved:
        """The best vertex.

        Raises:
            InvalidInput: nothing meets the limits.
        """
        ...
