"""A list is made again only where something has changed."""

import numpy as np
import pytest

from penchant.recommend.latest import Latest
from penchant.taste.corrections import Correction
from penchant.testing.planted import PlantedModel
from penchant.types import EventType, Item, Pseudonym

from .stores import DAY, House


@pytest.fixture
def house(monkeypatch):
    house = House(np.eye(6, dtype=np.float32))
    for day, item in enumerate(("i0", "i1", "i0")):
        house.does("p", item, EventType.VIEW, at=day * DAY)
    house.asked = []
    scores_each = PlantedModel.scores_each

    def counted(model, people, now):
        house.asked.append(len(people))
        return scores_each(model, people, now)

    monkeypatch.setattr(PlantedModel, "scores_each", counted)
    return house


def shown(house, now=3 * DAY, **more):
    return house.recommender.recommend(Pseudonym("p"), 3, "home", now, **more)


def test_the_same_again_is_not_made_again_and_has_an_id_of_its_own(house) -> None:
    first, second = shown(house), shown(house)
    assert first.items == second.items
    assert first.recommendation_id != second.recommendation_id
    assert house.asked == [1]


CHANGES = {
    "an event": lambda house: house.does("p", "i3", EventType.VIEW, at=2.5 * DAY),
    "a correction": lambda house: house.recommender._corrections.set(
        "p", [Correction(kind="item", name="i5", weight="never")]
    ),
    "an item's end": lambda house: house.catalog.delete(["i5"]),
    "a new price": lambda house: house.catalog.upsert([Item(item_id="i5", title="i5", price=2.0)]),
    "a model": lambda house: house.tracker.swap(house.model, "another"),
    "texts that changed": lambda house: house.tracker.grow(np.zeros((7, 6), np.float32)),
    "another ranker": lambda house: house.recommender.personal.rank(None),
    "an erasure": lambda house: house.recommender.personal.latest.forget(Pseudonym("p")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_makes_it_again(house, change) -> None:
    shown(house)
    change(house)
    shown(house)
    assert house.asked == [1, 1]


def test_another_question_is_another_list(house) -> None:
    shown(house)
    assert "i5" not in [item.item_id for item in shown(house, exclude=["i5"]).items]
    assert "i4" not in [item.item_id for item in shown(house, context_item="i4").items]
    shown(house, now=3 * DAY + 61)
    assert house.asked == [1] * 4


def test_a_list_of_somebody_who_is_erased_meanwhile_is_not_kept() -> None:
    latest = Latest[str]()
    begun = latest.forgotten
    latest.forget(Pseudonym("p"))
    latest.put(Pseudonym("p"), 1, "list", begun)
    assert latest.get(Pseudonym("p"), 1) is None


def test_what_was_being_made_when_all_was_forgotten_is_not_kept() -> None:
    latest = Latest[str]()
    latest.put(Pseudonym("p"), 1, "old", latest.forgotten)
    before = latest.forgotten
    latest.forget_all()
    latest.put(Pseudonym("q"), 1, "late", before)
    assert latest.get(Pseudonym("p"), 1) is latest.get(Pseudonym("q"), 1) is None
    latest.put(Pseudonym("q"), 1, "new", latest.forgotten)
    assert latest.get(Pseudonym("q"), 1) == "new"
