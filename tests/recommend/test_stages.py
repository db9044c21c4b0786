import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recommend.stores import DAY, House, Ids, Lists

from penchant.catalog.view import view_of
from penchant.errors import InvalidInput, NotFound, StorageError
from penchant.events.log import EventColumns
from penchant.privacy.erasure import Erasable
from penchant.recommend.candidates import top_k
from penchant.recommend.impressions import BATCH, ImpressionWriter
from penchant.recommend.popularity import Popularity
from penchant.recommend.reasons import contributions, personal_reasons
from penchant.recommend.repeats import learn_repeats
from penchant.recommend.search import Search
from penchant.recommend.similar import SimilarItems
from penchant.recommend.wording import words
from penchant.taste.corrections import Correction, CorrectionsInMemory, merged
from penchant.taste.wished import never
from penchant.testing.planted import PlantedModel
from penchant.types import Event, EventType, Impression, Item, Reason

BUY = EventType.PURCHASE.code


@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 40), st.randoms())
def test_top_k_equals_a_full_sort(values, k, random):
    scores = np.array(values, dtype=np.float32)
    allowed = np.array([random.random() < 0.7 for _ in values], dtype=bool)
    expected = sorted(np.flatnonzero(allowed), key=lambda row: (-scores[row], row))[:k]
    assert top_k(scores, allowed, k).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 5000), st.integers(1, 6), st.sampled_from([0.0, 0.02, 0.9]))
def test_top_k_of_many_equals_a_full_sort(seed, size, kinds, share):
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.integers(0, 10**kinds, size)).astype(np.float32)[:: rng.choice([-1, 1])]
    allowed = rng.random(size) < share
    expected = sorted(np.flatnonzero(allowed), key=lambda row: (-scores[row], row))
    for k in (1, 5, 40):
        assert top_k(scores, allowed, k).tolist() == expected[:k]


def test_top_k_passes_over_what_is_not_a_number():
    assert top_k(np.array([np.nan, 1, np.inf], np.float32), np.ones(3, bool), 3).tolist() == [1]


def columns(rows):
    """(person, item, day) purchases as columns."""
    person, item, day = (np.array(part) for part in zip(*rows, strict=True))
    size = len(person)
    nothing = np.full(size, np.nan, dtype=np.float32)
    return EventColumns(
        people=[str(n) for n in range(person.max() + 1)],
        items=[f"i{n}" for n in range(item.max() + 1)],
        queries=[],
        person=person.astype(np.int32),
        item=item.astype(np.int32),
        query=np.full(size, -1, dtype=np.int32),
        session=np.full(size, -1, dtype=np.int64),
        type=np.full(size, BUY, dtype=np.int8),
        time=day * DAY,
        value=nothing,
        price=nothing,
        quantity=nothing,
        position=np.arange(size),
    )


def learned(rows):
    items = [Item(item_id=f"i{n}", category="milk" if n < 10 else "books") for n in range(20)]
    ids = Ids()
    ids.assign([item.item_id for item in items])
    view = view_of(1, ids.item_ids(), dict(enumerate(items)))
    return learn_repeats(columns(rows), ids, view), view


def test_repeat_rates_find_what_is_bought_again():
    rows = [(p, p % 10, day) for p in range(200) for day in (0, 7, 14)]
    rows += [(p, 10 + p % 10, 3) for p in range(200)]
    rates, view = learned(rows)
    assert rates.of("milk") > 0.9
    assert rates.of("books") < 0.1
    assert rates.shop == pytest.approx(0.5)
    assert rates.repeatable(view).tolist() == [True] * 10 + [False] * 10


def test_repeat_rates_do_not_find_what_is_not_there():
    rows = [(p, item, 3 + p % 2) for p in range(200) for item in (p % 10, 10 + p % 10)]
    rates, view = learned(rows)
    assert rates.of("milk") == rates.of("books") == 0.0
    assert not rates.repeatable(view).any()


def test_one_repeat_in_a_small_category_does_not_outweigh_the_shop():
    rows = [(p, p % 10, 0) for p in range(200)] + [(0, 15, 0), (0, 15, 9)]
    rates, _ = learned(rows)
    assert rates.of("books") < 0.1


def test_two_lines_of_one_errand_are_no_repeat():
    rates, _ = learned([(0, 1, 0.0), (0, 1, 0.2)])
    assert rates.shop == 0.0


def test_popularity_counted_live_equals_popularity_rebuilt():
    rng = np.random.default_rng(1)
    rows = [(0, int(rng.integers(6)), float(day)) for day in np.sort(rng.uniform(0, 3000, 400))]
    ids = Ids()
    ids.assign([f"i{n}" for n in range(6)])
    kinds = [(EventType.PURCHASE, EventType.VIEW, EventType.SEARCH)[n % 3] for n in range(len(rows))]
    log = columns(rows)
    log.type[:] = [kind.code for kind in kinds]
    rebuilt, live = Popularity(7.0), Popularity(7.0)
    rebuilt.rebuild(log, ids)
    for (_, item, day), kind in zip(rows, kinds, strict=True):
        live.on_event(item, Event(user_id="p", type=kind, timestamp=day * DAY, item_id=f"i{item}"))
    np.testing.assert_allclose(live.scores(8), rebuilt.scores(8), rtol=1e-4)
    assert rebuilt.scores(8).max() == 1.0


def planted():
    vectors = np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    house = House(vectors)
    house.does("p", "i0", at=0.0)
    house.does("p", "i1", at=DAY)
    return house, house.tracker.read("p")


def test_contributions_are_what_removal_takes_away():
    house, reading = planted()
    found, gained = contributions(reading, DAY, np.array([2, 3]))
    for place, row in enumerate((2, 3)):
        for left_out in (0, 1):
            kept = [token for n, token in enumerate(reading.window) if n != left_out]
            without = house.model.scores(house.model.encode(kept), DAY)[row]
            whole = house.model.scores(reading.state, DAY)[row]
            assert found[place, left_out] == pytest.approx(whole - without, abs=1e-5)
        nothing = house.model.scores(house.model.initial(), DAY)[row]
        assert gained[place] == pytest.approx(whole - nothing, abs=1e-5)


def test_the_reason_names_the_cause_and_not_the_other_event():
    _, reading = planted()
    reasons = personal_reasons(reading, DAY, np.array([0, 1, 2, 3]), lambda row: f"i{row}")
    assert [reason.kind for reason in reasons] == ["bought-again"] * 2 + ["because-of"] * 2
    assert reasons[2].items[0] == "i0"
    assert reasons[3].items[0] == "i1"
    assert all(0 < reason.share <= 1 for reason in reasons)


@pytest.mark.parametrize("kind", [EventType.VIEW, EventType.REMOVE_FROM_CART])
def test_an_item_is_no_reason_for_itself(kind):
    house = House(np.array([[1, 0], [0.6, 0.8], [0.9, 0.1]], dtype=np.float32))
    house.does("p", "i0", kind=kind, at=0.0)
    house.does("p", "i1", kind=kind, at=DAY)
    reading = house.tracker.read("p")
    itself, _, other = personal_reasons(reading, DAY, np.array([0, 1, 2]), lambda row: f"i{row}")
    assert (itself.kind, itself.items) == ("looked-at", ())
    assert 0 < itself.share <= 1
    assert words(itself, str) == "You looked at it before"
    assert (other.kind, other.items) == ("because-of", ("i0", "i1")), "the louder one first"


def test_beside_a_louder_one_an_item_does_not_name_itself():
    house = House(np.array([[1, 0], [0.8, 0.1]], dtype=np.float32))
    for _ in range(2):
        house.does("p", "i0", kind=EventType.VIEW)
    house.does("p", "i1", kind=EventType.VIEW)
    (reason,) = personal_reasons(house.tracker.read("p"), 0.0, np.array([1]), lambda row: f"i{row}")
    assert (reason.kind, reason.items) == ("because-of", ("i0",))


def test_what_is_remembered_and_was_never_bought_was_looked_at(monkeypatch):
    house = House(np.eye(2, dtype=np.float32))
    house.does("p", "i0", kind=EventType.VIEW)
    monkeypatch.setattr(house.model, "remembered", lambda state, rows, record: np.ones(len(rows), bool))
    (reason,) = personal_reasons(house.tracker.read("p"), 0.0, np.array([0]), lambda row: f"i{row}")
    assert reason == Reason(kind="looked-at", share=1.0)


def test_what_is_known_of_a_person_is_the_reason_where_it_adds_more_than_the_past():
    house = House(
        np.array([[1, 0], [0, 1], [0.9, 0], [0, 0.9], [0.9, 0.2]], dtype=np.float32),
        words={"country=Norway": np.array([0, 2], np.float32)},
    )
    house.does("p", "i0", at=0.0)

    def reasons():
        return personal_reasons(house.tracker.read("p"), 0.0, np.array([2, 3, 4]), lambda row: f"i{row}")

    assert [reason.kind for reason in reasons()] == ["because-of", "popular", "because-of"]
    house.attributes.replace({"p": {"country": "Norway"}})
    found = reasons()
    assert [reason.kind for reason in found] == ["because-of", "about-you", "because-of"]
    assert [reason.share for reason in found] == [1.0, 1.0, pytest.approx(0.9 / 1.3, abs=1e-4)]
    assert words(found[1], str) == "Fits what the shop knows of you"


def test_a_dislike_of_what_a_person_is_known_for_is_no_reason():
    house = House(
        np.array([[1, 0], [0.9, -0.5]], dtype=np.float32), words={"a=b": np.array([0, 1], np.float32)}
    )
    house.does("p", "i0", at=0.0)
    house.attributes.replace({"p": {"a": "b"}})
    (found,) = personal_reasons(house.tracker.read("p"), 0.0, np.array([1]), lambda row: f"i{row}")
    assert (found.kind, found.share) == ("because-of", 1.0)


def test_what_taste_says_nothing_for_is_here_because_others_take_it():
    house = House(np.array([[1, 0], [-1, 0], [0, 1]], dtype=np.float32))
    house.does("p", "i0", at=0.0)
    reasons = personal_reasons(house.tracker.read("p"), DAY, np.array([1, 2]), lambda row: f"i{row}")
    assert [reason.kind for reason in reasons] == ["popular"] * 2


def test_similar_items_are_available_and_never_the_item_itself():
    house, _ = planted()
    similar = SimilarItems(house.catalog, lambda: house.tracker)
    assert [one.item_id for one in similar.similar("i0", 2).items] == ["i2", "i3"]
    house.catalog.upsert([Item(item_id="i2", available=False)])
    assert [one.item_id for one in similar.similar("i0", 1).items] == ["i3"]
    with pytest.raises(NotFound, match="nowhere"):
        similar.similar("nowhere", 2)


def test_similar_items_found_before_a_swap_are_logged_under_the_model_that_found_them(monkeypatch):
    house, _ = planted()
    newer = PlantedModel(np.eye(4, 2, dtype=np.float32))

    def swapped_meanwhile():
        house.tracker.swap(newer, "s2")
        return house.vectors

    monkeypatch.setattr(house.model, "vectors", swapped_meanwhile)
    similar = SimilarItems(house.catalog, lambda: house.tracker)
    found = similar.similar("i0", 1)
    assert (found.items[0].item_id, found.snapshot) == ("i2", "s1")
    assert similar.similar("i0", 1).snapshot == "s2"


def test_similar_by_text_where_the_model_knows_nothing():
    house, _ = planted()
    house.catalog.upsert(
        [Item(item_id="a", title="red nail polish"), Item(item_id="b", title="blue nail polish")]
    )
    for tracker in (house.tracker, None):
        similar = SimilarItems(house.catalog, lambda tracker=tracker: tracker)
        found = similar.similar("a", 1)
        assert (found.items[0].item_id, found.snapshot) == ("b", "")
    by_model = SimilarItems(house.catalog, lambda: house.tracker).similar("i0", 1)
    assert by_model.snapshot == "s1"


def test_search_finds_meaning_brands_codes_and_beginnings():
    house, _ = planted()
    house.catalog.upsert(
        [
            Item(item_id="SKU-4711", title="red nail polish", brand="Zorgon"),
            Item(item_id="x", title="oat milk", category="Dairy"),
            Item(item_id="y", title="old milk", available=False),
        ]
    )
    search = Search(house.catalog, lambda _: house.tracker)

    def first(query):
        return search.search(query, 1, 0.0).items[0].item_id

    assert first("polish for a nail") == "SKU-4711"
    assert first("zorgon") == first("SKU 4711") == first("zorg") == "SKU-4711"
    assert first("dairy") == "x"
    assert "y" not in [one.item_id for one in search.search("old milk", 9, 0.0).items]
    house.catalog.upsert([Item(item_id="x", title="bread"), Item(item_id="z", title="goat cheese zorgon")])
    assert search.search("dairy", 1, 0.0).items[0].score < 0.6
    assert "z" in [one.item_id for one in search.search("zorgon", 2, 0.0).items]
    with pytest.raises(InvalidInput, match="empty"):
        search.search("  ", 3, 0.0)


def test_search_leans_towards_taste_among_equals():
    house, _ = planted()
    search = Search(house.catalog, lambda _: house.tracker)
    house.does("p", "i3", at=2 * DAY)
    found = search.search("thing", 1, 2 * DAY, person="p")
    stranger = search.search("thing", 1, 2 * DAY)
    assert (found.items[0].item_id, found.snapshot) == ("i3", "s1")
    assert (stranger.items[0].item_id, stranger.snapshot) == ("i0", "")


def test_search_leans_towards_what_is_known_of_a_stranger():
    house = House(np.eye(4, dtype=np.float32), words={"country=Peru": np.eye(4, dtype=np.float32)[3]})
    search = Search(house.catalog, lambda _: house.tracker)
    assert search.search("thing", 1, 0.0, person="s").items[0].item_id == "i0"
    house.attributes.replace({"s": {"country": "Peru"}})
    found = search.search("thing", 1, 0.0, person="s")
    assert (found.items[0].item_id, found.snapshot) == ("i3", "s1")


def impression(number, person="p"):
    return Impression(
        recommendation_id=str(number), user_id=person, timestamp=0.0, placement="home", items=()
    )


class Stuck:
    """A log whose disk refuses until it is let go."""

    def __init__(self):
        self.rows, self.free, self.tried = [], threading.Event(), threading.Event()

    def append(self, impressions):
        self.tried.set()
        if not self.free.is_set():
            raise StorageError("disk full")
        self.rows += impressions


def test_the_writer_keeps_order_and_writes_all_before_it_closes():
    log = Lists()
    writer = ImpressionWriter(log).start()
    for number in range(1_000):
        writer.put(impression(number))
    assert writer.close() == 0
    assert [row.recommendation_id for row in log.rows] == [str(n) for n in range(1_000)]
    with pytest.raises(StorageError, match="closed"):
        writer.put(impression(1))


def test_lists_that_come_close_together_are_one_commit_and_a_flush_does_not_wait():
    class Counted(Lists):
        commits = 0

        full = threading.Event()

        def append(self, impressions):
            self.commits += 1
            super().append(impressions)
            if len(impressions) == BATCH:
                self.full.set()

    log = Counted()
    writer = ImpressionWriter(log, linger=60.0).start()
    for number in range(100):
        writer.put(impression(number))
    assert writer.flush(5)
    assert (len(log.rows), log.commits) == (100, 1)
    for number in range(BATCH):
        writer.put(impression(100 + number))
    assert log.full.wait(5), "a full batch does not wait for more"
    assert log.commits == 2
    writer.close()


def test_a_refusing_disk_loses_nothing_and_is_reported():
    log = Stuck()
    writer = ImpressionWriter(log, sleep=lambda _: log.free.wait(0.01)).start()
    for number in range(5):
        writer.put(impression(number))
    assert log.tried.wait(5)
    assert not writer.flush(0.05)
    assert "disk full" in str(writer.failure)
    log.free.set()
    assert writer.flush(5)
    assert writer.failure is None
    assert [row.recommendation_id for row in log.rows] == list("01234")
    assert writer.close() == 0


def test_closing_on_a_refusing_disk_says_how_much_is_left():
    log = Stuck()
    writer = ImpressionWriter(log, sleep=lambda _: None).start()
    writer.put(impression(1))
    assert writer.close() == 1


def test_what_is_being_written_is_not_durable_yet():
    class Slow(Lists):
        begun, go = threading.Event(), threading.Event()

        def append(self, impressions):
            self.begun.set()
            assert self.go.wait(60)
            super().append(impressions)

    log = Slow()
    writer = ImpressionWriter(log).start()
    writer.put(impression(1))
    assert log.begun.wait(60)
    assert writer.waiting == 1
    assert len(writer.export_person("p")) == 1
    assert writer.close(timeout=0.05) == 1
    log.go.set()
    assert writer.close() == 0


def test_waiting_lists_of_the_erased_are_dropped():
    log = Lists()
    writer = ImpressionWriter(log)
    assert isinstance(writer, Erasable)
    for number, person in enumerate("pqp"):
        writer.put(impression(number, person))
    assert len(writer.export_person("p")) == 2
    assert writer.erase_person("p") == 2
    assert writer.erase_person("p") == 0
    writer.start().close()
    assert [row.user_id for row in log.rows] == ["q"]


def test_corrections_replace_each_other_and_can_be_taken_back():
    less = Correction(kind="category", name="Dairy", weight="less")
    assert merged([less], [Correction(kind="category", name="Dairy", weight="never")])[0].weight == "never"
    assert merged([less], [Correction(kind="category", name="Dairy", weight="normal")]) == ()
    with pytest.raises(InvalidInput, match="too many"):
        merged([], [Correction(kind="item", name=str(n), weight="less") for n in range(500)])
    store = CorrectionsInMemory()
    store.set("p", [less])
    assert store.export_person("p") == [{"kind": "category", "name": "Dairy", "weight": "less"}]
    assert (store.erase_person("p"), store.erase_person("p")) == (1, 0)


def test_a_category_wish_holds_for_what_is_inside_but_not_for_a_namesake():
    items = [Item(item_id=str(n), category=c) for n, c in enumerate(["Dairy", "Dairy > Milk", "Dairy Free"])]
    view = view_of(1, ["0", "1", "2"], dict(enumerate(items)))
    assert never([Correction(kind="category", name="Dairy", weight="never")], view).tolist() == [
        True,
        True,
        False,
    ]
