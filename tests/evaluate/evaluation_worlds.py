"""Small worlds with known truth for the tests of this folder."""

import numpy as np

from penchant.evaluate.recommender import Training
from penchant.model.histories import Histories
from penchant.types import EventType

DAY = 86_400.0
BUY, VIEW = EventType.PURCHASE.code, EventType.VIEW.code

Row = tuple[int, float, int, int, int]
"""Person, day, item, type code, basket of the person (any number)."""


def world(rows: list[Row], people: int | None = None) -> Histories:
    """Histories from rows in the order of each person's events."""
    rows = sorted(rows, key=lambda row: row[0])
    person = np.array([row[0] for row in rows])
    count = people or int(person.max()) + 1
    keys = [(row[0], row[3], row[4]) for row in rows]
    new = [i == 0 or keys[i] != keys[i - 1] for i in range(len(rows))]
    return Histories(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(person, minlength=count))]).astype(np.int64),
        items=np.array([row[2] for row in rows], dtype=np.int32),
        types=np.array([row[3] for row in rows], dtype=np.int8),
        times=np.array([row[1] * DAY for row in rows]),
        baskets=(np.cumsum(new) - 1).astype(np.int64),
        values=np.full(len(rows), np.nan, dtype=np.float32),
        queries=np.full(len(rows), -1, dtype=np.int32),
    )


def shop(seed: int = 0, people: int = 12, items: int = 30, days: int = 120, views: float = 0.3) -> Histories:
    """A random shop: baskets of one to four items, some views, some searches, in order of time."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    basket = 0
    for person in range(people):
        favourites = rng.integers(0, items, 6)
        for day in np.sort(rng.uniform(0, days, rng.integers(3, 25))):
            basket += 1
            if rng.random() < views:
                rows.append((person, day, int(rng.integers(-1, items)), VIEW, basket))
                continue
            chosen = np.where(rng.random(4) < 0.6, rng.choice(favourites, 4), rng.integers(0, items, 4))
            rows += [(person, day, int(item), BUY, basket) for item in chosen[: rng.integers(1, 5)]]
    return world(rows, people)


def training(histories: Histories, items: int, full: Histories | None = None) -> Training:
    from penchant.evaluate.recommender import ItemTable

    return Training(histories, ItemTable(items), EventType.PURCHASE, full if full is not None else histories)
