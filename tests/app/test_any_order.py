"""Events that come shuffled, doubled, late and from clocks that are wrong: what a model reads is the same."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.app.shop import Shop, init_shop
from penchant.learn.data import TrainingData, training_data
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.planted import PlantedModel
from penchant.types import Item, Pseudonym

DAY = 86_400.0
NOW = 1_760_000_000.0
ITEMS, BATCH = 200, 1_000
KINDS = np.array(["view", "click", "cart", "purchase", "search", "rating", "message"])
Records = list[dict[str, Any]]


def happened(events: int, people: int, rng: np.random.Generator, days: int = 90) -> Records:
    """In order of time, the last one now. Many share a second; a ``sequence`` tells their order."""
    times = np.sort(NOW - rng.integers(0, days * 86_400, events // 3))[rng.integers(0, events // 3, events)]
    times = np.sort(times)
    kinds = rng.choice(KINDS, events, p=[0.4, 0.2, 0.1, 0.2, 0.05, 0.03, 0.02])
    records: Records = []
    for n, (time, kind, person) in enumerate(zip(times, kinds, rng.integers(0, people, events), strict=True)):
        record = {"user_id": f"u{person}", "type": str(kind), "timestamp": float(time), "sequence": n}
        if kind == "search":
            record["query"] = f"thing {rng.integers(30)}"
        else:
            record["item_id"] = f"i{rng.integers(ITEMS)}"
        if kind == "purchase":
            record |= {"price": float(rng.integers(1, 90)), "session_id": f"s{person}-{time // 7200:.0f}"}
        if kind == "rating":
            record["value"] = int(rng.integers(1, 6))
        records.append(record)
    return records


class Followed:
    """A shop with a tracker that hears of what comes in, as in a server."""

    def __init__(self, folder: Path, key: Path | None = None) -> None:
        folder.mkdir()
        if key is not None:
            (folder / "secret.key").write_bytes(key.read_bytes())
        init_shop(folder)
        self.now = NOW
        self.shop = Shop(folder, writer=True, clock=lambda: self.now, encoder=FakeTextEncoder())
        self.shop.items.upsert([Item(item_id=f"i{n}", title=f"thing {n}") for n in range(ITEMS)])
        vectors = np.random.default_rng(0).normal(size=(ITEMS, 8)).astype(np.float32)
        tokens, shop = TokenMaker(self.shop.ids), self.shop
        self.tracker = TasteTracker(PlantedModel(vectors), shop.log, tokens, shop.consent, lambda _: {})
        self._heard = 0

    def takes(self, records: Sequence[dict[str, Any]], asked: Sequence[str] = ()) -> int:
        """Through the door, in batches, ``asked`` being asked for after each; how many were refused."""
        refused = 0
        for start in range(0, len(records), BATCH):
            refused += len(self.shop.intake().accept(records[start : start + BATCH]).rejected)
            while entries := self.shop.log.follow(self._heard, BATCH):
                for entry in entries:
                    self.tracker.on_event(entry)
                self._heard = entries[-1].position
            for person in asked:
                self.tracker.read(self.known_as(person))
        return refused

    def known_as(self, person: str) -> Pseudonym:
        return self.shop.pseudonymizer.pseudonym(person)

    def data(self) -> TrainingData:
        shop = self.shop
        return training_data(
            shop.log, shop.ids, shop.settings.cleaning, shop.consent, shop.attributes, until=self.now
        )


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[tuple[Followed, Followed]]:
    """One for the clean log in order, one for what comes as it may. They hide people by the same key."""
    clean = Followed(tmp_path / "clean")
    wild = Followed(tmp_path / "wild", tmp_path / "clean" / "secret.key")
    yield clean, wild
    clean.shop.close()
    wild.shop.close()


def as_it_may(records: Records, rng: np.random.Generator) -> Records:
    """Three in ten doubled, all shuffled."""
    doubled = rng.choice(len(records), 3 * len(records) // 10, replace=False)
    return [records[n] for n in rng.permutation([*range(len(records)), *doubled.tolist()])]


def inputs(data: TrainingData) -> dict[Pseudonym, list[tuple[Any, ...]]]:
    """What is read of each person. Baskets count from each person's first one."""
    found: dict[Pseudonym, list[tuple[Any, ...]]] = {}
    h = data.histories
    for row, person in enumerate(data.people):
        part = slice(int(h.offsets[row]), int(h.offsets[row + 1]))
        texts = [data.queries[code] if code >= 0 else "" for code in h.queries[part].tolist()]
        baskets = (h.baskets[part] - h.baskets[part][0]).tolist()
        values = np.nan_to_num(h.values[part], nan=-1.0).tolist()
        columns = h.items[part].tolist(), h.types[part].tolist(), h.times[part].tolist()
        found[person] = list(zip(*columns, baskets, values, texts, strict=True))
    return found


def check_same(clean: Followed, wild: Followed, asked: Sequence[str]) -> None:
    assert inputs(wild.data()) == inputs(clean.data())
    for person in asked:
        one, other = (shop.tracker.read(shop.known_as(person)) for shop in (clean, wild))
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(other.state.total, one.state.total, atol=1e-4)
        assert [(t.item, t.time, t.basket) for t in other.window] == [
            (t.item, t.time, t.basket) for t in one.window
        ]
        assert (other.bought, other.viewed.tolist()) == (one.bought, one.viewed.tolist())
        assert other.record.tolist() == one.record.tolist()


def doubled_shuffled_and_sent_again(shops: tuple[Followed, Followed], events: int, people: int) -> None:
    clean, wild = shops
    rng = np.random.default_rng(events)
    records = happened(events, people, rng)
    asked = [f"u{n}" for n in range(20)]
    assert clean.takes(records) == 0
    for later in (0.0, 2 * DAY):
        wild.now = NOW + later
        assert wild.takes(as_it_may(records, rng), asked) == 0
    assert wild.shop.log.count() == clean.shop.log.count() == events
    clean.now = wild.now
    assert clean.data().histories.events > 0.9 * events
    check_same(clean, wild, asked)


def test_doubled_shuffled_and_sent_again_it_is_the_clean_log(shops: tuple[Followed, Followed]) -> None:
    doubled_shuffled_and_sent_again(shops, 3_000, 60)


@pytest.mark.slow
def test_a_hundred_thousand_doubled_shuffled_and_sent_again(shops: tuple[Followed, Followed]) -> None:
    doubled_shuffled_and_sent_again(shops, 100_000, 2_000)


def test_clocks_that_are_two_days_off_leave_one_order_and_nothing_of_the_future(
    shops: tuple[Followed, Followed],
) -> None:
    clean, wild = shops
    rng = np.random.default_rng(1)
    records = happened(3_000, 60, rng, days=10)
    off = rng.uniform(-2 * DAY, 2 * DAY, 60).tolist()
    for record in records:
        jump = float(rng.choice([0.0, 0.0, -2 * DAY, 2 * DAY]))
        record["timestamp"] += off[int(record["user_id"][1:])] + jump
    ahead = sum(record["timestamp"] > NOW + DAY for record in records)
    asked = [f"u{n}" for n in range(20)]
    assert wild.takes(as_it_may(records, rng), asked) >= ahead > 20, "refused until their time has come"
    assert wild.data().histories.times.max() <= NOW < wild.shop.log.columns().time.max()
    clean.now = wild.now = NOW + 5 * DAY
    assert wild.takes(as_it_may(records, rng), asked) == 0
    clean.takes(sorted(records, key=lambda record: (record["timestamp"], record["sequence"])))
    assert wild.shop.log.count() == len(records)
    check_same(clean, wild, asked)
