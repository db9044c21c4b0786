"""What is kept in memory on one person."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.model.entries import MOST_ITEMS
from penchant.model.records import Record, one_more
from penchant.model.repeat import Memory, empty_memory
from penchant.model.tokens import NOT_WANTED, Token
from penchant.taste.model import PreferenceModel
from penchant.taste.rest import mark
from penchant.taste.tokens import Basket, Place, Placed
from penchant.types import Event, EventType, Logged

Rows = NDArray[np.int32]
_NO_ROWS: Rows = np.zeros(0, np.int32)

WINDOW = 12
"""Newest events of a person that a reason can name."""


@dataclass(slots=True)
class Taste:
    """A person's state under one encoder.

    Attributes:
        state: the model's. events: tokens in it.
        loaded_to: log position up to which it was read from the log; newest: greatest log position in
            it. last: (timestamp, sequence) of the last event in the person's order.
        greatest: highest item row among its tokens, -1 where none has an item.
        waiting: tokens, counted in all of the above, that the state is moved by when it is asked for.
        late: whether one of them belongs before what was known already. Then their baskets and ``basket``
            are numbered anew when they are put in their places.
    """

    encoder_id: str
    state: Any
    events: int
    loaded_to: int
    newest: int
    last: tuple[float, int]
    greatest: int
    basket: Basket
    waiting: list[Placed] = field(default_factory=list[Placed])
    late: bool = False

    def hear(self, logged: Logged, told: Sequence[Placed]) -> None:
        """Count an event that is new; what it is to the model, if anything, waits."""
        late = order_of(logged.event) < self.last
        self.last, self.newest = max(self.last, order_of(logged.event)), logged.position
        for one in told:
            self.events += 1
            self.greatest = max(self.greatest, one.token.item)
            self.waiting.append(one)
            self.late |= late


@dataclass(slots=True)
class Sums:
    """What filters and scores ask about some events of a person.

    Attributes:
        bought: times that each item row was bought (baskets). viewed: item rows looked at or clicked,
            ascending; four bytes each, where a set takes fifteen times as much. record: all that was ever
            wanted. Neither array is ever changed: whoever read one may keep it.
    """

    bought: Counter[int] = field(default_factory=Counter[int])
    viewed: Rows = field(default_factory=lambda: _NO_ROWS)
    record: Memory = field(default_factory=lambda: empty_memory(0))
    _last_basket: dict[int, int] = field(default_factory=dict[int, int])

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> Self:
        """Of a whole history."""
        sums, record, viewed = cls(), Record(), set[int]()
        for token in tokens:
            sums._count(token)
            if _looked(token):
                viewed.add(token.item)
            if _wanted(token):
                record.add(token.item, token.type, token.time)
        sums.record, sums.viewed = record.memory(), np.array(sorted(viewed), np.int32)
        return sums

    def add(self, token: Token) -> None:
        """One more event, after the others."""
        self._count(token)
        if _looked(token):
            self.viewed = _with(self.viewed, token.item)
        if _wanted(token):
            self.record = one_more(self.record, token.item, token.type, token.time)

    def copy(self) -> "Sums":
        """Another one that may go on by itself."""
        return Sums(self.bought.copy(), self.viewed, self.record, self._last_basket.copy())

    def _count(self, token: Token) -> None:
        bought = token.item >= 0 and token.type == EventType.PURCHASE.code
        if bought and self._last_basket.get(token.item) != token.basket:
            self.bought[token.item] += 1
            self._last_basket[token.item] = token.basket


@dataclass(slots=True)
class Recent:
    """What reasons and filters ask about a person: kept for the most active only, read again otherwise.

    Attributes:
        base: state before the tokens of ``window``, the newest ones. before: sums of what ``base`` holds.
        passed: how many tokens that are; seen: their :func:`~penchant.taste.rest.mark`.
        pasts: the model's states without each of the tokens of ``window``, and with all.
        sums: of everything. end: the last one in ``base``, None where it holds nothing.
    """

    base: Any
    pasts: Any
    before: Sums = field(default_factory=Sums)
    sums: Sums = field(default_factory=Sums)
    window: deque[Placed] = field(default_factory=deque[Placed])
    end: Placed | None = None
    passed: int = 0
    seen: int = 0

    def add(self, placed: Placed, pasts: Any, model: PreferenceModel) -> None:
        """One more event, after all others and after which the model gives ``pasts``; the oldest of a full
        window moves into ``base``."""
        self.pasts = pasts
        self.window.append(placed)
        self.sums.add(placed.token)
        self._settle(model)

    def holds(self, place: Place) -> bool:
        """Whether what belongs there can be put there: behind all of ``base``."""
        return self.end is None or place > self.end.place

    def put_in(self, placed: Sequence[Placed], model: PreferenceModel) -> Basket:
        """Events that belong behind all of ``base``, each in its place; where the baskets then stand."""
        basket = Basket() if self.end is None else Basket(self.end.token.basket, self.end.shopping)
        inorder = sorted((*self.window, *placed), key=lambda one: one.place)
        self.window = deque(one.numbered(basket) for one in inorder)
        self._settle(model)
        self.pasts = model.pasts(self.base, self.tokens())
        self.sums = self.before.copy()
        for one in self.window:
            self.sums.add(one.token)
        return basket

    def tokens(self) -> tuple[Token, ...]:
        """Those of ``window``."""
        return tuple(one.token for one in self.window)

    def state(self, model: PreferenceModel) -> Any:
        """After all of them, stepped anew from ``base``."""
        state = self.base
        for one in self.window:
            state = model.step(state, one.token)
        return state

    def _settle(self, model: PreferenceModel) -> None:
        while len(self.window) > WINDOW:
            self.end = self.window.popleft()
            self.before.add(self.end.token)
            self.pass_on([self.end], model)

    def pass_on(self, placed: Iterable[Placed], model: PreferenceModel) -> None:
        """Move ``base`` by what comes before the window."""
        for one in placed:
            self.base = model.step(self.base, one.token)
            self.passed, self.seen = self.passed + 1, mark(one.token, self.seen)


def recent_of(
    model: PreferenceModel, placed: Sequence[Placed], known: tuple[int, int, Any] | None = None
) -> Recent:
    """What is recent after a whole history.

    ``known``: a number of its tokens, their mark, and the state after them, which is not made again.
    """
    cut = max(0, len(placed) - WINDOW)
    old, new = placed[:cut], placed[cut:]
    if known is None or known[0] > cut:
        seen = 0
        for one in old:
            seen = mark(one.token, seen)
        known = cut, seen, model.encode([one.token for one in old])
    passed, seen, base = known
    before = Sums.of([one.token for one in old])
    recent = Recent(base, None, before, before.copy(), deque(new), old[-1] if old else None, passed, seen)
    recent.pass_on(old[passed:], model)
    recent.pasts = model.pasts(recent.base, recent.tokens())
    for one in new:
        recent.sums.add(one.token)
    return recent


def _wanted(token: Token) -> bool:
    """Whether it belongs in a record; no model knows rows beyond those."""
    return 0 <= token.item < MOST_ITEMS and token.type not in NOT_WANTED


def _looked(token: Token) -> bool:
    return token.item >= 0 and token.type in (EventType.VIEW.code, EventType.CLICK.code)


def _with(rows: Rows, row: int) -> Rows:
    """``row`` too.

    >>> _with(_with(np.array([3, 9], np.int32), 5), 9).tolist()
    [3, 5, 9]
    """
    place = int(rows.searchsorted(row))
    if place < len(rows) and rows[place] == row:
        return rows
    return np.concatenate([rows[:place], np.array([row], np.int32), rows[place:]])


def order_of(event: Event) -> tuple[float, int]:
    """Place of an event in its person's order, log position aside."""
    return event.timestamp, event.sequence or 0
