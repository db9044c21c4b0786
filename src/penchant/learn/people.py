"""People as the learner follows them: how they stood before each thing that they meet for the first time.

A person who is met is read from the log up to there, and moves with each event from then on. Nothing is kept
on the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penchant.events.attributes import Attributes
from penchant.model.histories import FloatArray, IntArray
from penchant.model.tokens import NOT_WANTED, Token
from penchant.taste.bounded import Bounded
from penchant.taste.disregarded import Histories
from penchant.taste.model import PreferenceModel
from penchant.taste.state import order_of
from penchant.taste.tokens import Basket, TokenMaker
from penchant.types import Logged, Pseudonym

FOLLOWED = 20_000
"""People in memory; of others the log is read again."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Somebody wanted something for the first time, and how they stood just before.

    What is looked at and bought a minute later is asked for when it is looked at.

    Attributes:
        position: in the log. time: unix seconds. basket: number of the person's basket.
        item: row. h: (D,) behaviour as scores weigh it. frozen: the same of when the snapshot was made.
        had: rows of what the person had before that basket.
        main: whether by an event of the type that the shop wants to know of.
        shown: with what propensity a list had shown it to the person; 0 where none had.
    """

    person: Pseudonym
    position: int
    time: float
    basket: int
    item: int
    h: FloatArray
    frozen: FloatArray
    had: IntArray
    main: bool = True
    shown: float = 0.0


@dataclass(slots=True, eq=False)
class _Person:
    """Where one person stands; ``begun``: number, behaviour and belongings of the basket under way."""

    state: Any
    frozen: Any
    basket: Basket
    had: set[int]
    last: tuple[float, int]
    greatest: int = -1
    begun: "_Begun | None" = None


@dataclass(slots=True, eq=False)
class _Begun:
    number: int
    h: FloatArray
    frozen: FloatArray
    had: IntArray
    taken: set[int] = field(default_factory=set[int])


class People:
    """States under one model, read and stepped in the order of the log."""

    def __init__(  # noqa: PLR0917
        self,
        model: PreferenceModel,
        log: Histories,
        tokens: TokenMaker,
        attributes_of: Callable[[Pseudonym], Attributes],
        since: int,
        main: int,
        capacity: int = FOLLOWED,
    ) -> None:
        """``since``: log position of the snapshot. ``main``: code of the event type that is asked for."""
        self._model = model
        self._log = log
        self._tokens = tokens
        self._attributes_of = attributes_of
        self._since = since
        self._main = main
        self._people: Bounded[_Person] = Bounded(capacity)

    def use(self, model: PreferenceModel) -> None:
        """Go on with a longer item table; who has met the new items is read again."""
        known, self._model = self._model.n_items, model
        self._people.drop_where(lambda one: one.greatest >= known)

    def forget(self, person: Pseudonym) -> None:
        """Something of the past is another one's by now: the next event reads all of it."""
        self._people.drop(person)

    def stood(self, person: Pseudonym, now: float) -> FloatArray:
        """Behaviour (D,) of somebody when the snapshot was made, asked at ``now``."""
        return self._model.h(self._read(person, self._since + 1).state, now)

    def hear(self, logged: Logged) -> Asked | None:
        """Move the person by the next event of the log; what was asked by it, if anything."""
        person, order = Pseudonym(logged.event.user_id), order_of(logged.event)
        one = self._people.get(person)
        if one is not None and order < one.last:
            self._people.drop(person)  # It came late: the next event reads all in its order.
            return None
        if one is None:
            one = self._read(person, logged.position)
            if order < one.last:
                return None
            self._people.put(person, one)
        token = self._tokens.of(logged.event, one.basket)
        one.last = max(one.last, order)
        return None if token is None else self._step(person, one, token, logged)

    def _step(self, person: Pseudonym, one: _Person, token: Token, logged: Logged) -> Asked | None:
        wanted = self._counts(token)
        asked = self._ask(person, one, token, logged) if wanted else None
        one.state = self._model.step(one.state, token)
        one.greatest = max(one.greatest, token.item)
        if wanted:
            one.had.add(token.item)
        return asked

    def _ask(self, person: Pseudonym, one: _Person, token: Token, logged: Logged) -> Asked | None:
        begun = one.begun
        if begun is None or begun.number != token.basket:
            begun = one.begun = self._begin(person, one, token)
        if token.item in begun.taken or token.item in begun.had:
            return None
        begun.taken.add(token.item)
        return Asked(
            person, logged.position, token.time, begun.number, token.item, begun.h, begun.frozen, begun.had,
            main=token.type == self._main,
        )  # fmt: skip

    def _begin(self, person: Pseudonym, one: _Person, token: Token) -> _Begun:
        known = self._attributes_of(person)
        about = self._model.about(known) if known else None
        now, had = token.time, np.array(sorted(one.had), np.int64)
        return _Begun(
            token.basket, self._model.h(one.state, now, about), self._model.h(one.frozen, now, about), had
        )

    def _read(self, person: Pseudonym, position: int) -> _Person:
        """The person as of just before that place in the log."""
        before = [logged for logged in self._log.of_user(person) if logged.position < position]
        old = [logged.event for logged in before if logged.position <= self._since]
        basket = Basket()
        tokens = self._tokens.of_all((logged.event for logged in before), basket)
        frozen = tokens if len(old) == len(before) else self._tokens.of_all(old, Basket())
        had = {token.item for token in tokens if self._counts(token)}
        state = self._model.encode(tokens)
        still = state if frozen is tokens else self._model.encode(frozen)
        last = order_of(before[-1].event) if before else (-np.inf, 0)
        return _Person(state, still, basket, had, last, max((token.item for token in tokens), default=-1))

    def _counts(self, token: Token) -> bool:
        return 0 <= token.item < self._model.n_items and token.type not in NOT_WANTED
