"""GoRules' zen-engine (MIT) behind the port of rules: it reads cells and tables, and nothing runs code.

Every graph that it is given is made here, of one table: function nodes, which run JavaScript and may ask
other machines, never reach it, whatever a document holds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import zen
from numpy.typing import NDArray

from penchant.errors import PenchantError
from penchant.recommend.rules.port import Condition
from penchant.types import Scalar

LARGEST = 7e28
"""Numbers beyond it are as if they were not there."""


class ZenRules:
    """:class:`~penchant.recommend.rules.port.RuleEngine`."""

    def fault(self, cell: str, *, unary: bool) -> str:
        try:
            (zen.compile_unary_expression if unary else zen.compile_expression)(cell)
        except RuntimeError as error:
            return _words(error)
        return ""

    def value(self, cell: str) -> Scalar:
        if not cell.strip():
            return None
        try:
            found = zen.evaluate_expression(cell, {})
        except RuntimeError as error:
            raise ValueError(f"cannot be read: {_words(error)}") from error
        if found is not None and not isinstance(found, (str, int, float, bool)):
            raise ValueError("must be a text, a number, true or false")
        return found

    def matcher(self, conditions: Sequence[Condition], rows: int) -> "ZenMatcher":
        return ZenMatcher(conditions, rows)


class ZenMatcher:
    """One table as zen-engine runs it, of rows that have any condition; asked about many contexts at once."""

    def __init__(self, conditions: Sequence[Condition], rows: int) -> None:
        self._rows = rows
        self._asked = [row for row in range(rows) if any(one.cells[row].strip() for one in conditions)]
        self._decision = zen.ZenEngine().create_decision(_graph(conditions, self._asked))

    def of_each(self, contexts: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
        holds = np.ones((len(contexts), self._rows), dtype=bool)
        holds[:, self._asked] = False
        if not self._asked or not contexts:
            return holds
        for place, found in enumerate(self._found(contexts)):
            holds[place, [hit["row"] for hit in found]] = True
        return holds

    def _found(self, contexts: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        """Of each context the rows that hold. One that zen-engine cannot take in must not keep out others."""
        try:
            told = msgspec.json.encode({"contexts": contexts}).decode()
            return self._decision.evaluate(told)["result"]["found"]
        except RuntimeError as error:
            if len(contexts) > 1:
                half = len(contexts) // 2
                return [*self._found(contexts[:half]), *self._found(contexts[half:])]
            held = _held(contexts[0])
            if held == contexts[0]:
                raise PenchantError(f"the rules could not be asked: {_words(error)}") from error
            return self._found([held])


def _held(value: Any) -> Any:
    """What zen-engine can take in: its numbers are decimal and end before 1e29."""
    if isinstance(value, Mapping):
        return {name: _held(one) for name, one in value.items()}
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if number and not -LARGEST < value < LARGEST else value


def _graph(conditions: Sequence[Condition], rows: Sequence[int]) -> str:
    inputs = [
        {"id": f"c{n}", "name": f"c{n}"} | ({"field": one.field} if one.field else {})
        for n, one in enumerate(conditions)
    ]
    cells = [
        {"_id": str(row), "row": str(row)} | {f"c{n}": one.cells[row] for n, one in enumerate(conditions)}
        for row in rows
    ]
    table = {
        "hitPolicy": "collect", "inputs": inputs, "rules": cells,
        "outputs": [{"id": "row", "name": "row", "field": "row"}],
        "executionMode": "loop", "inputField": "contexts", "outputPath": "found", "passThrough": False,
    }  # fmt: skip
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "content": {}},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": table},
        {"id": "out", "type": "outputNode", "name": "out", "content": {}},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "table"},
        {"id": "2", "sourceId": "table", "targetId": "out"},
    ]
    return msgspec.json.encode({"nodes": nodes, "edges": edges}).decode()


def _words(error: RuntimeError) -> str:
    """Its first line says what is wrong, often as JSON; frames of Rust and C follow."""
    first = str(error).partition("\n")[0]
    try:
        told = msgspec.json.decode(first)
    except msgspec.DecodeError:
        return first
    source = told.get("source", first) if isinstance(told, dict) else first
    return source if isinstance(source, str) else first
