"""What rules need from outside: an engine that reads their cells, and a place where versions are kept."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.types import Scalar


class Condition(NamedTuple):
    """A column of conditions: what its cells are compared with, empty where they are whole expressions."""

    field: str
    cells: tuple[str, ...]


class Matcher(Protocol):
    """Rows of a table whose conditions hold."""

    def of_each(self, contexts: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
        """Shape (len(contexts), rows); a condition that cannot be told of a context does not hold."""
        ...


class RuleEngine(Protocol):
    """Reads the cells of decision tables and runs no code from outside."""

    def fault(self, cell: str, *, unary: bool) -> str:
        """Why a cell cannot be read, empty where it can. ``unary``: it is compared with a field."""
        ...

    def value(self, cell: str) -> Scalar:
        """What an output cell says by itself, None for an empty one. Raises ValueError."""
        ...

    def matcher(self, conditions: Sequence[Condition], rows: int) -> Matcher:
        """Of a table of ``rows`` rows; an empty cell holds of everything."""
        ...


class RuleVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the rules, kept for good.

    Attributes:
        version: from 1. time: unix seconds. author: who made it, as they are known where they did. note: why.
        document: as it came, in JDM. restores: the earlier version that a rollback brought back, else 0.
    """

    version: int
    time: float
    author: str
    document: bytes
    note: str = ""
    restores: int = 0


class RuleStore(Protocol):
    """Versions of the rules, only ever added to: what was said once stays in the record."""

    def add(self, change: RuleVersion, expected: int) -> RuleVersion:
        """Keep a change as the next version; its own ``version`` is passed over. Durable when this returns.

        Raises:
            Conflict: the newest version is not ``expected`` (0: none).
        """
        ...

    def newest(self) -> int:
        """Number of the newest version, 0 where there are no rules."""
        ...

    def get(self, version: int) -> RuleVersion | None: ...

    def history(self) -> list[RuleVersion]:
        """All versions, newest first."""
        ...
