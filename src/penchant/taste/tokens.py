"""Events to tokens, by the rules that training used too (``learn.data``)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable
from penchant.model.tokens import Token
from penchant.types import Event, EventType, Logged

SILENT = frozenset({EventType.MESSAGE, EventType.REFUND})
"""Types that say nothing about what a person wants next."""

ReadQueries = Callable[[Sequence[str]], NDArray[np.float32]]
"""Vectors of search texts, one row each; quick for those it read a short while ago."""


@dataclass(slots=True)
class Basket:
    """Where a person's basket numbers stand: an unbroken run of purchases in one session is one basket."""

    number: int = -1
    session: str | None = None

    def next(self, event: Event) -> int:
        """Number of the basket that ``event`` belongs to."""
        return self.next_of(shopping_of(event))

    def next_of(self, session: str | None) -> int:
        """The same of an event with that :func:`shopping_of`."""
        if session is None or session != self.session:
            self.number += 1
        self.session = session
        return self.number


Place = tuple[float, int, int]
"""Timestamp, sequence and log position: a person's events in ascending order are in their order."""


def place_of(logged: Logged) -> Place:
    """Where an event stands among those of its person.

    >>> place_of(Logged(7, Event(user_id="p", type=EventType.VIEW, timestamp=5.0, item_id="a")))
    (5.0, 0, 7)
    """
    return logged.event.timestamp, logged.event.sequence or 0, logged.position


def shopping_of(event: Event) -> str | None:
    """The session of a purchase; None of anything else."""
    return event.session_id if event.type is EventType.PURCHASE else None


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A token that knows where it belongs, so that others may come to lie before it."""

    place: Place
    token: Token
    shopping: str | None

    def numbered(self, basket: Basket) -> "Placed":
        """The same as the next one after ``basket``, which is moved on."""
        number = basket.next_of(self.shopping)
        return (
            self if number == self.token.basket else replace(self, token=replace(self.token, basket=number))
        )


class TokenMaker:
    """Turns one person's events into tokens, in their order; ``read_queries`` reads searches, if at all."""

    def __init__(self, ids: IdTable, read_queries: ReadQueries | None = None) -> None:
        self._ids = ids
        self._read_queries = read_queries

    def read_ahead(self, events: Iterable[Event]) -> None:
        """Read the search texts of ``events``: a language model takes long, others need not wait for it."""
        self._queries(events)

    def nameless(self, events: Iterable[Event]) -> bool:
        """Whether one of ``events`` is on an item that has no row yet: it becomes a token later.

        What was logged a moment ago may be; whoever hears of it gives it one. Ask before tokens are made of
        them: rows only become more.
        """
        named = [event.item_id for event in events if event.item_id and event.type not in SILENT]
        return bool(named) and bool((self._ids.rows(named) < 0).any())

    def of(self, event: Event, basket: Basket) -> Token | None:
        """The token, ``basket`` moved on; None for an event that a model does not read."""
        tokens = self.of_all([event], basket)
        return tokens[0] if tokens else None

    def of_all(self, events: Iterable[Event], basket: Basket) -> list[Token]:
        """Tokens of all events that a model reads; one look at the id table."""
        given = list(events)
        return [token for _, token in self._told(given, basket)]

    def placed(self, entries: Sequence[Logged], basket: Basket) -> list[Placed]:
        """The same of events of the log, each with its place."""
        found = self._told([logged.event for logged in entries], basket)
        return [Placed(place_of(entries[at]), token, shopping_of(entries[at].event)) for at, token in found]

    def _told(self, events: Sequence[Event], basket: Basket) -> list[tuple[int, Token]]:
        """The index of each event that a model reads, and its token."""
        heard = [at for at, event in enumerate(events) if event.type not in SILENT]
        rows = self._ids.rows([events[at].item_id or "" for at in heard]).tolist()
        queries = self._queries(events[at] for at in heard)
        return [
            (at, _token(events[at], row, basket, queries))
            for at, row in zip(heard, rows, strict=True)
            if row >= 0 or events[at].item_id is None
        ]

    def _queries(self, events: Iterable[Event]) -> dict[str, NDArray[np.float32]]:
        texts = list(dict.fromkeys(event.query for event in events if event.query))
        if self._read_queries is None or not texts:
            return {}
        return dict(zip(texts, self._read_queries(texts), strict=True))


def _token(event: Event, row: int, basket: Basket, queries: dict[str, NDArray[np.float32]]) -> Token:
    return Token(
        item=row,
        type=event.type.code,
        time=event.timestamp,
        basket=basket.next(event),
        value=float("nan") if event.value is None else event.value,
        query=queries.get(event.query) if event.query else None,
    )
