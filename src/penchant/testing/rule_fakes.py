"""Rules in memory: a store, and an engine that knows texts, numbers and lists of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.errors import Conflict
from penchant.recommend.rules.port import Condition, RuleVersion
from penchant.types import Scalar


class InMemoryRules:
    """:class:`~penchant.recommend.rules.port.RuleStore`."""

    def __init__(self) -> None:
        self._versions: list[RuleVersion] = []

    def add(self, change: RuleVersion, expected: int) -> RuleVersion:
        if expected != self.newest():
            raise Conflict(f"the rules are at version {self.newest()} by now, not at {expected}")
        self._versions.append(msgspec.structs.replace(change, version=self.newest() + 1))
        return self._versions[-1]

    def newest(self) -> int:
        return len(self._versions)

    def get(self, version: int) -> RuleVersion | None:
        return self._versions[version - 1] if 0 < version <= len(self._versions) else None

    def history(self) -> list[RuleVersion]:
        return self._versions[::-1]


class ListedValues:
    """:class:`~penchant.recommend.rules.port.RuleEngine`: a cell lists JSON values, one must be equal."""

    def fault(self, cell: str, *, unary: bool) -> str:
        values = _values(cell)
        if values is None or not (unary or len(values) == 1):
            return f"{cell} is no list of values"
        return ""

    def value(self, cell: str) -> Scalar:
        if not cell.strip():
            return None
        values = _values(cell)
        if values is None or len(values) != 1:
            raise ValueError(f"{cell} is no value")
        return values[0]

    def matcher(self, conditions: Sequence[Condition], rows: int) -> "_Equal":
        return _Equal(conditions, rows)


class _Equal:
    def __init__(self, conditions: Sequence[Condition], rows: int) -> None:
        self._conditions = [
            (one.field, [_values(cell) if cell.strip() else None for cell in one.cells]) for one in conditions
        ]
        self._rows = rows

    def of_each(self, contexts: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
        holds = np.ones((len(contexts), self._rows), dtype=bool)
        for place, context in enumerate(contexts):
            for field, cells in self._conditions:
                found = _look_up(context, field)
                holds[place] &= [values is None or found in values for values in cells]
        return holds


def _look_up(context: Mapping[str, Any], field: str) -> Any:
    found: Any = context
    for name in field.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _values(cell: str) -> list[Any] | None:
    try:
        return msgspec.json.decode(f"[{cell}]")
    except msgspec.DecodeError:
        return None
