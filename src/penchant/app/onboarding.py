"""Questions to somebody new, and what their answers do to a list: answers are messages in the log."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.app.shop import Shop
from penchant.catalog.ids import IdTable, rows_of_events
from penchant.catalog.view import CatalogView
from penchant.errors import InvalidInput, NotFound
from penchant.events.intake import IntakeResult
from penchant.events.log import EventColumns
from penchant.model.tokens import main_kind
from penchant.recommend.filters import on_sale
from penchant.recommend.latest import Latest
from penchant.recommend.onboarding import Again, Crowd, crowd_of
from penchant.recommend.popularity import Popular
from penchant.recommend.rules.force import Rules
from penchant.taste.wished import never
from penchant.types import EventType, Logged, Pseudonym

ANSWER = "onboarding"
"""Column of the events that are answers: ``like`` or ``dislike``."""

Floats = NDArray[np.float32]
Take = Callable[[list[list[dict[str, Any]]]], list[IntakeResult]]


def crowd_in(columns: EventColumns, ids: IdTable, again: Again) -> Crowd:
    """People of the log by what they bought, or else did most, with items."""
    rows = rows_of_events(columns, ids)
    main = (columns.type == main_kind(rows.astype(np.int32), columns.type)) & (rows >= 0)
    person, items = columns.person[main].astype(np.int64), rows[main].astype(np.int64)
    return crowd_of(columns.people, person, items, again=again)


class AnsweredLists:
    """What is popular for who answered: :data:`~penchant.recommend.filling.Suited`.

    Answers of some people are kept, so that a list need not wait for the disk; whoever takes events in,
    erases or changes what counts of a person says so.
    """

    def __init__(self, shop: Shop, crowd: Crowd) -> None:
        self._shop = shop
        self.crowd = crowd
        self._said: Latest[tuple[tuple[str, bool], ...]] = Latest()

    def __call__(self, person: Pseudonym, view: CatalogView, popular: Floats) -> Floats:
        answers = self.answers(person, view)
        return self.crowd.scores(view, popular, answers) if answers else popular

    def answers(self, person: Pseudonym, view: CatalogView) -> dict[int, bool]:
        """The newest answer about each item that the catalogue knows; none of what its owner forgets."""
        forgotten, said = self._said.forgotten, self._said.get(person, ())
        if said is None:
            said = self._read(person)
            self._said.put(person, (), said, forgotten)
        rows = [(view.row(item), likes) for item, likes in said]
        return {row: likes for row, likes in rows if row >= 0}

    def heard(self, entries: Iterable[Logged]) -> None:
        """Those are new in the log: who answered is read again."""
        for entry in entries:
            if ANSWER in entry.event.context:
                self._said.forget(Pseudonym(entry.event.user_id))

    def forget(self, person: Pseudonym) -> None:
        """Something else counts of the person now, or nothing. Whether the crowd may hold the person is said
        elsewhere."""
        self._said.forget(person)

    def _read(self, person: Pseudonym) -> tuple[tuple[str, bool], ...]:
        history = self._shop.log.of_user(person)
        counted = self._shop.corrections.disregarded(person).counted(history)
        said = [(one.event.item_id or "", one.event.context.get(ANSWER)) for one in counted]
        return tuple((item, what == "like") for item, what in said if what in ("like", "dislike"))


class OnboardingDesk:
    """:class:`~penchant.serve.onboarding.OnboardingServices`."""

    def __init__(
        self, shop: Shop, answered: AnsweredLists, popular: Popular, rules: Rules, take: Take
    ) -> None:
        self._shop = shop
        self._answered = answered
        self._popular = popular
        self._rules = rules
        self._take = take

    def questions(self, user_id: str | None, size: int, exclude: Sequence[str] = ()) -> dict[str, Any]:
        """See :meth:`~penchant.serve.onboarding.OnboardingServices.questions`."""
        view, person = self._shop.catalog.view(), self._known(user_id)
        answers = {} if person is None else self._answered.answers(person, view)
        allowed = self._rules.about(view, person, ANSWER, self._shop.clock()).allowed(on_sale(view, ()))
        if person is not None:
            allowed &= ~never(self._shop.corrections.get(person), view)
        past = [row for row in map(view.row, exclude) if row >= 0]
        popular = self._popular(view, -1)
        rows = self._answered.crowd.questions(view, allowed, popular, answers, size, past=past)
        return {"answered": len(answers), "questions": [_question(view, row) for row in rows]}

    def answer(self, user_id: str, item_id: str, likes: bool) -> dict[str, Any]:
        """See :meth:`~penchant.serve.onboarding.OnboardingServices.answer`."""
        view = self._shop.catalog.view()
        row = view.row(item_id)
        if row < 0 or not view.listed[row]:
            raise NotFound(f"no item {item_id!r} in the catalogue")
        said = "like" if likes else "dislike"
        record = {
            "user_id": user_id, "item_id": item_id, "type": EventType.MESSAGE.value, "text": said,
            "timestamp": self._shop.clock(), ANSWER: said,
        }  # fmt: skip
        taken = self._take([[record]])[0]
        if taken.rejected:
            raise InvalidInput(f"the answer was refused: {taken.rejected[0][2]}")
        return self.questions(user_id, 1, [item_id])

    def _known(self, user_id: str | None) -> Pseudonym | None:
        """The person, where they may be recognised."""
        if user_id is None:
            return None
        person = self._shop.pseudonymizer.pseudonym(user_id)
        return person if self._shop.consent.get(person).profiling else None


def _question(view: CatalogView, row: int) -> dict[str, str]:
    category = view.categories.name(int(view.category[row]))
    return {"item_id": view.ids[row], "title": view.titles[row], "category": category}
