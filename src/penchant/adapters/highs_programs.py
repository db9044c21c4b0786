"""Linear programs by HiGHS, as SciPy brings it (Huangfu and Hall, Math. Prog. Computation 10, 2018)."""

import importlib
import importlib.util
from typing import Any

import numpy as np

from penchant.decide.programs import Program, Solved
from penchant.errors import InvalidInput, MissingExtra


class HighsPrograms:
    """A :class:`~penchant.decide.programs.Solver`."""

    def __init__(self) -> None:
        """Raises MissingExtra where SciPy is not installed."""
        if importlib.util.find_spec("scipy") is None:
            raise MissingExtra("allocation needs SciPy: pip install 'penchant[decide]'")
        self._optimize: Any = importlib.import_module("scipy.optimize")
        self._sparse: Any = importlib.import_module("scipy.sparse")

    def solve(self, program: Program) -> Solved:
        """See :class:`~penchant.decide.programs.Solver`."""
        shape = (len(program.limits), len(program.values))
        matrix = self._sparse.csr_matrix((program.factor, (program.row, program.column)), shape=shape)
        found = self._optimize.linprog(
            -program.values, A_ub=matrix, b_ub=program.limits, bounds=(0.0, 1.0), method="highs-ds"
        )
        if found.status != 0:
            raise InvalidInput(f"the limits cannot be met: {found.message}")
        return Solved(np.asarray(found.x), np.maximum(-np.asarray(found.ineqlin.marginals), 0.0))
