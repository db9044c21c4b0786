"""Events to tokens, by the rules that training used too (``learn.data``)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable
from penchant.model.tokens import Token
from penchant.types import Event, EventType

SILENT = frozenset({EventType.MESSAGE, EventType.REFUND})
"""Types that say nothing about what a person wants next."""

ReadQuery = Callable[[str], NDArray[np.float32] | None]
"""Vector of a search text; None where nothing reads queries."""


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


def no_queries(_: str) -> None:
    """Search texts are not read."""


class TokenMaker:
    """Turns one person's events into tokens, in their order."""

    def __init__(self, ids: IdTable, read_query: ReadQuery = no_queries) -> None:
        self._ids = ids
        self._read_query = read_query

    def of(self, event: Event, basket: Basket) -> Token | None:
        """The token, ``basket`` moved on; None for an event that a model does not read."""
        tokens = self.of_all([event], basket)
        return tokens[0] if tokens else None

    def of_all(self, events: Iterable[Event], basket: Basket) -> list[Token]:
        """Tokens of all events that a model reads; one look at the id table."""
        heard = [event for event in events if event.type not in SILENT]
        rows = self._ids.rows([event.item_id or "" for event in heard]).tolist()
        return [
            Token(
                item=row,
                type=event.type.code,
                time=event.timestamp,
                basket=basket.next(event),
                value=float("nan") if event.value is None else event.value,
                query=self._read_query(event.query) if event.query else None,
            )
            for event, row in zip(heard, rows, strict=True)
            if row >= 0 or event.item_id is None
        ]
