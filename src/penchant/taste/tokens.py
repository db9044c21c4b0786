"""Events to tokens, by the rules that training used too (``learn.data``)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable
from penchant.model.tokens import Token
from penchant.types import Event, EventType

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
        session = event.session_id if event.type is EventType.PURCHASE else None
        if session is None or session != self.session:
            self.number += 1
        self.session = session
        return self.number


class TokenMaker:
    """Turns one person's events into tokens, in their order; ``read_queries`` reads searches, if at all."""

    def __init__(self, ids: IdTable, read_queries: ReadQueries | None = None) -> None:
        self._ids = ids
        self._read_queries = read_queries

    def read_ahead(self, events: Iterable[Event]) -> None:
        """Read the search texts of ``events``: a language model takes long, others need not wait for it."""
        self._queries(events)

    def of(self, event: Event, basket: Basket) -> Token | None:
        """The token, ``basket`` moved on; None for an event that a model does not read."""
        tokens = self.of_all([event], basket)
        return tokens[0] if tokens else None

    def of_all(self, events: Iterable[Event], basket: Basket) -> list[Token]:
        """Tokens of all events that a model reads; one look at the id table."""
        heard = [event for event in events if event.type not in SILENT]
        rows = self._ids.rows([event.item_id or "" for event in heard]).tolist()
        queries = self._queries(heard)
        return [
            Token(
                item=row,
                type=event.type.code,
                time=event.timestamp,
                basket=basket.next(event),
                value=float("nan") if event.value is None else event.value,
                query=queries.get(event.query) if event.query else None,
            )
            for event, row in zip(heard, rows, strict=True)
            if row >= 0 or event.item_id is None
        ]

    def _queries(self, events: Iterable[Event]) -> dict[str, NDArray[np.float32]]:
        texts = list(dict.fromkeys(event.query for event in events if event.query))
        if self._read_queries is None or not texts:
            return {}
        return dict(zip(texts, self._read_queries(texts), strict=True))
