"""What is kept in memory on one person."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from penchant.model.entries import MOST_ITEMS
from penchant.model.records import Record, one_more
from penchant.model.repeat import Memory, empty_memory
from penchant.model.tokens import NOT_WANTED, Token
from penchant.taste.model import PreferenceModel
from penchant.taste.tokens import Basket
from penchant.types import Event, EventType, Pseudonym

WINDOW = 12
"""Newest events of a person that a reason can name."""

Kept = TypeVar("Kept")


@dataclass(slots=True)
class Taste:
    """A person's state under one encoder.

    Attributes:
        state: the model's, at rest where nothing recent is kept on the person. events: tokens in it.
        loaded_to: log position up to which it was read from the log; newest: greatest log position in
            it. last: (timestamp, sequence) of the last event.
        greatest: highest item row among its tokens, -1 where none has an item.
        waiting: tokens, counted in all of the above, that the state is moved by when it is asked for.
    """

    encoder_id: str
    state: Any
    events: int
    loaded_to: int
    newest: int
    last: tuple[float, int]
    greatest: int
    basket: Basket
    waiting: list[Token] = field(default_factory=list[Token])


@dataclass(slots=True)
class Recent:
    """What reasons and filters ask about a person: kept for the most active only, read again otherwise.

    Attributes:
        base: state before the tokens of ``window``, the newest ones. bought: times that each item row was
            bought (baskets). viewed: item rows looked at or clicked. record: all that was ever wanted.
    """

    base: Any
    window: deque[Token] = field(default_factory=deque[Token])
    bought: Counter[int] = field(default_factory=Counter[int])
    viewed: set[int] = field(default_factory=set[int])
    record: Memory = field(default_factory=lambda: empty_memory(0))
    _last_basket: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, token: Token, model: PreferenceModel) -> None:
        """One more event; the oldest of a full window moves into ``base``."""
        self.window.append(token)
        if len(self.window) > WINDOW:
            self.base = model.step(self.base, self.window.popleft())
        self.count(token)
        if _wanted(token):
            self.record = one_more(self.record, token.item, token.type, token.time)

    def count(self, token: Token) -> None:
        """Remember what was bought and seen, but for ``record``."""
        if token.item < 0:
            return
        if token.type == EventType.PURCHASE.code and self._last_basket.get(token.item) != token.basket:
            self.bought[token.item] += 1
            self._last_basket[token.item] = token.basket
        elif token.type in (EventType.VIEW.code, EventType.CLICK.code):
            self.viewed.add(token.item)


def recent_of(model: PreferenceModel, tokens: Sequence[Token]) -> Recent:
    """What is recent after a whole history."""
    cut = max(0, len(tokens) - WINDOW)
    recent = Recent(base=model.encode(tokens[:cut]), window=deque(tokens[cut:]))
    record = Record()
    for token in tokens:
        recent.count(token)
        if _wanted(token):
            record.add(token.item, token.type, token.time)
    recent.record = record.memory()
    return recent


def _wanted(token: Token) -> bool:
    """Whether it belongs in a record; no model knows rows beyond those."""
    return 0 <= token.item < MOST_ITEMS and token.type not in NOT_WANTED


def order_of(event: Event) -> tuple[float, int]:
    """Place of an event in its person's order, log position aside."""
    return event.timestamp, event.sequence or 0


class Bounded(Generic[Kept]):
    """The most recently used people, at most ``capacity`` of them."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Pseudonym, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, person: Pseudonym) -> Kept | None:
        """What is kept on ``person``, now the most recently used."""
        kept = self._kept.get(person)
        if kept is not None:
            self._kept.move_to_end(person)
        return kept

    def put(self, person: Pseudonym, kept: Kept) -> list[Pseudonym]:
        """Keep; the least recently used goes where there are too many. Returns who went."""
        self._kept[person] = kept
        self._kept.move_to_end(person)
        gone: list[Pseudonym] = []
        while len(self._kept) > self.capacity:
            gone.append(self._kept.popitem(last=False)[0])
        return gone

    def peek(self, person: Pseudonym) -> Kept | None:
        """What is kept on ``person``, whose turn to go stays as it is."""
        return self._kept.get(person)

    def drop(self, person: Pseudonym) -> bool:
        """Forget; whether there was something."""
        return self._kept.pop(person, None) is not None

    def drop_where(self, test: Callable[[Kept], bool]) -> list[Pseudonym]:
        """Forget everybody for whom ``test`` holds; returns them."""
        gone = [person for person, kept in self._kept.items() if test(kept)]
        for person in gone:
            self._kept.pop(person, None)
        return gone
