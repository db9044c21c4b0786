"""What is found about trends, as it is written to JSON. No figure of fewer than five people is in it."""

import msgspec

LEAST = 5
"""People of whom a figure may tell."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How many people something concerned, now and before.

    Attributes:
        people, before: of the last four weeks and of the four before them; None for fewer than five.
        ratio: of people now to people before, beside that of the median thing, with its 95% interval
            ``low`` to ``high``. Fewer than five are taken for four, so that the change is understated.
        weeks: people of each week, oldest first; None for fewer than five.
        sure: whether it changed beyond chance, all that were looked at taken together.
    """

    people: int | None
    before: int | None
    ratio: float
    low: float
    high: float
    weeks: list[int | None]
    sure: bool = False


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """An item or a category; ``item_id`` is empty for a category. ``available``: whether it can be bought."""

    name: str
    change: Change
    item_id: str = ""
    available: bool = True


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Words that people search for. ``hits``: items on sale that hold all of them. ``takers``: of the people
    of all weeks, who looked at one of these items or bought it within a day; None for fewer than five, and
    where those who did not are one to four."""

    words: str
    change: Change
    hits: int
    people_in_all: int
    takers: int | None


class Near(msgspec.Struct, frozen=True):
    """An item on sale, and how like a wish it is: the cosine of their vectors."""

    title: str
    item_id: str
    likeness: float


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Searches that are like each other, and like nothing on sale.

    Attributes:
        words: that most of these people used. people: of all weeks. searches: how many different ones.
        likeness: of the nearest items, mean by people. near: the nearest ones.
    """

    words: list[str]
    people: int
    searches: int
    likeness: float
    near: list[Near]


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """Of one shop; people who opted out, and what cleaning marked, are in no figure.

    Attributes:
        until: unix seconds of the newest event. weeks: unix seconds at which each week begins.
        active: people of each week; None for fewer than five.
        rising, fading: items; rising_categories, fading_categories: the same of categories.
        missing: searches that find nothing on sale. ignored: searches whose hits hardly anybody takes, which
            are taken by ``usual`` of the people otherwise, to two digits, None where that would tell of fewer
            than five. Both by how many people ask now.
        wishes: what is looked for and like nothing on sale. far: likeness to the nearest item below which a
            search counts as such; None where that could not be told.
        notes: what could not be told, and why.
    """

    until: float
    weeks: list[float]
    active: list[int | None]
    rising: list[Thing]
    fading: list[Thing]
    rising_categories: list[Thing]
    fading_categories: list[Thing]
    missing: list[Sought]
    ignored: list[Sought]
    usual: float | None
    wishes: list[Wish]
    far: float | None
    notes: list[str]
