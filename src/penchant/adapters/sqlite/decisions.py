"""Decisions in SQLite: their steps, and beside them the state that these make: a queue is one look."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.errors import NotFound
from penchant.events.decisions import Decided, Offered, Step, folded, has_changed
from penchant.types import Pseudonym

_steps = msgspec.json.Decoder(Step)
_offers = msgspec.json.Decoder(Offered)
_OF = "SELECT content FROM decision_steps WHERE decision = ? ORDER BY number"


class SqliteDecisions:
    """:class:`~penchant.events.decisions.DecisionLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        steps: Sequence[tuple[str, Step]],
        expected: Mapping[str, int] | None = None,
        offers: Mapping[str, Sequence[Offered]] | None = None,
    ) -> None:
        with self._database.write_beside() as connection:
            for name, count in (expected or {}).items():
                held = len(connection.execute(_OF, [name]).fetchall())
                if held != count:
                    raise has_changed(name)
            for name, step in steps:
                number = connection.execute(
                    "INSERT INTO decision_steps (decision, content) VALUES (?, ?)",
                    [name, msgspec.json.encode(step)],
                ).lastrowid
                if step.decision is not None:
                    connection.execute(
                        "INSERT INTO decisions_now VALUES (?, ?, ?, ?, '', '')",
                        [number, name, step.decision.kind, step.decision.subject],
                    )
            for name in dict.fromkeys(name for name, _ in steps):
                self._now(connection, name)
            for name, people in (offers or {}).items():
                _keep(connection, name, people)

    def _now(self, connection: Any, name: str) -> None:
        held = [_steps.decode(row[0]) for row in connection.execute(_OF, [name]).fetchall()]
        if held[0].decision is None:
            raise NotFound(f"there is no decision {name!r}; `penchant decisions list` shows them")
        found = folded(held)
        connection.execute(
            "UPDATE decisions_now SET state = ?, due = ? WHERE decision = ?", [found.state, found.due, name]
        )

    def get(self, decision: str) -> Decided | None:
        rows = self._database.read(_OF, [decision])
        return _folded(rows) if rows else None

    def find(
        self, *, kind: str = "", state: str = "", subject: str = "", due: bool = False, limit: int = 0
    ) -> list[Decided]:
        asked = {"kind": kind, "state": state, "subject": subject}
        given = {name: value for name, value in asked.items() if value}
        where = " AND ".join([*(f"{name} = ?" for name in given), *(["due != ''"] if due else [])])
        rows = self._database.read(
            "SELECT step.content, now.decision FROM (SELECT number, decision FROM decisions_now "
            f"{f'WHERE {where}' if where else ''} ORDER BY number DESC LIMIT ?) AS now "
            "JOIN decision_steps AS step ON step.decision = now.decision "
            "ORDER BY now.number DESC, step.number",
            [*given.values(), limit or -1],
        )
        return [_folded(steps) for _, steps in groupby(rows, key=itemgetter(1))]


def _folded(rows: Iterable[tuple[object, ...]]) -> Decided:
    """Of rows that begin with the content of a step."""
    return folded([_steps.decode(cast(bytes, row[0])) for row in rows])


def _keep(connection: Any, decision: str, offers: Sequence[Offered]) -> None:
    rows = [(decision, one.person, one.time, msgspec.json.encode(one)) for one in offers]
    connection.executemany("INSERT OR REPLACE INTO offered VALUES (?, ?, ?, ?)", rows)


class SqliteOffered:
    """:class:`~penchant.events.decisions.OfferedLog` and ``Erasable``."""

    erasable_name = "offered"

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, decision: str, offers: Sequence[Offered]) -> None:
        with self._database.write_beside() as connection:
            _keep(connection, decision, offers)

    def of(self, decision: str) -> list[Offered]:
        rows = self._database.read(
            "SELECT content FROM offered WHERE decision = ? ORDER BY pseudonym", [decision]
        )
        return [_offers.decode(cast(bytes, row[0])) for row in rows]

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        rows = self._database.read(
            "SELECT decision, content FROM offered WHERE pseudonym = ? ORDER BY time, decision", [person]
        )
        return [
            {"decision": str(name)} | msgspec.to_builtins(_offers.decode(cast(bytes, content)))
            for name, content in rows
        ]

    def erase_until(self, person: Pseudonym, until: float) -> int:
        """Remove for good what was offered up to a time (unix seconds); returns how many."""
        return self._erase("pseudonym = ? AND time <= ?", [person, until])

    def erase_person(self, person: Pseudonym) -> int:
        return self._erase("pseudonym = ?", [person])

    def _erase(self, where: str, values: Sequence[object]) -> int:
        with self._database.write() as connection:
            gone = connection.execute(f"DELETE FROM offered WHERE {where}", values).rowcount
        self._database.forget_for_good()
        return gone
