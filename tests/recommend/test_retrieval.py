import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.stores import DAY, House

from penchant.adapters.faiss_lists import InvertedLists
from penchant.adapters.numba_scan import float16_rows, int8_rows
from penchant.app.retrieval import by_size, retrieval_of
from penchant.errors import MissingExtra
from penchant.recommend.candidates import top_k
from penchant.recommend.experiment import Arms, Experiment
from penchant.recommend.retrieval import follow
from penchant.recommend.retrieval.follow import Question, Retrieval
from penchant.recommend.retrieval.port import Found
from penchant.settings import RecommendSettings
from penchant.taste.corrections import Correction
from penchant.testing.planted import Faded, PlantedModel
from penchant.types import EventType, Item

N, DIM = 6_000, 8


def at_once(work):
    work()


def vectors_of(seed, n=N):
    return np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)


class Wanting(PlantedModel):
    """Has wanted rows 0 to 4 before, which score 1 to 5 by themselves; levels fall with the row."""

    AGAIN = np.array([1, 2, 3, 4, 5], np.float32)

    def again(self, state, now, record=None, about=None):
        return np.arange(5), self.AGAIN, np.float32(0.25)

    def biases(self, now):
        return -np.arange(self.n_items, dtype=np.float32) / self.n_items

    def scores(self, state, now, record=None, about=None):
        scores = self._vectors @ self.h(state, now, about) + self.biases(now) + np.float32(0.25)
        scores[:5] = self.AGAIN
        return scores


def asking(seed):
    h = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return Question(Faded(h, 0.0), 0.0, None, None)


def in_full(model, asked, allowed, n):
    scores = model.scores(asked.state, asked.now)[: len(allowed)]
    rows = top_k(scores, allowed[: len(scores)], n)
    return rows, scores[rows]


def same_list(found, full):
    np.testing.assert_array_equal(found[0], full[0])
    np.testing.assert_allclose(found[1], full[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [int8_rows, float16_rows])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 50), sold=st.sampled_from([0.0, 0.3, 0.9, 1.0]))
def test_lists_are_those_of_all_scores(make, seed, n, sold):
    rng = np.random.default_rng(seed)
    model, retrieval = Wanting(vectors_of(seed)), Retrieval(lambda _: make, run=at_once)
    retrieval.best(model, (0, "s1"), asking(0), np.ones(N, bool), 1)
    for more in range(3):
        allowed = rng.random(N + 10 * (more - 1)) < sold  # a longer and a shorter catalogue too
        found = retrieval.best(model, (0, "s1"), asking(seed + more), allowed, n)
        same_list(found, in_full(model, asking(seed + more), allowed, n))


def test_it_follows_a_model_that_learns_and_grows():
    made = []

    def make(vectors, levels):
        made.append(len(vectors))
        return int8_rows(vectors, levels)

    retrieval, vectors = Retrieval(lambda _: make, run=at_once), vectors_of(0)
    allowed = np.ones(N + 500, bool)
    assert retrieval.best(Wanting(vectors), (0, "s1"), asking(1), allowed, 9) is None
    for step in range(4):
        vectors = np.concatenate([vectors, vectors_of(step + 1, 100)])
        vectors[step::50] += 0.1
        model = Wanting(vectors)
        same_list(
            retrieval.best(model, (0, "s1"), asking(1), allowed, 9), in_full(model, asking(1), allowed, 9)
        )
    assert made == [N]
    vectors = vectors.copy()
    vectors[9] *= 9  # too long for the scale: lists are right, and it is made anew
    found = retrieval.best(Wanting(vectors), (0, "s1"), asking(1), allowed, 9)
    same_list(found, in_full(Wanting(vectors), asking(1), allowed, 9))
    assert made == [N, N + 400]
    assert retrieval.best(Wanting(3 * vectors), (0, "s1"), asking(1), allowed, 9) is None  # too much at once
    assert retrieval.best(Wanting(3 * vectors), (0, "s1"), asking(1), allowed, 9) is not None
    assert retrieval.best(Wanting(vectors[:N]), (0, "s1"), asking(1), allowed, 9) is None
    assert made == [N, N + 400, N + 400, N]


def test_until_a_form_is_made_all_are_scored_and_it_is_made_once():
    waiting = []
    retrieval = Retrieval(lambda _: int8_rows, run=waiting.append)
    model, allowed = Wanting(vectors_of(0)), np.ones(N, bool)
    for _ in range(2):
        assert retrieval.best(model, (0, "s1"), asking(1), allowed, 9) is None
    (work,) = waiting
    work()
    assert retrieval.best(model, (0, "s1"), asking(1), allowed, 9) is not None
    assert retrieval.best(model, (0, "s2"), asking(1), allowed, 9) is None
    waiting[1]()
    assert (
        retrieval.best(model, (0, "s1"), asking(1), allowed, 9) is None
    )  # one model serves, one form is kept


def test_a_form_that_cannot_be_made_is_tried_once(caplog):
    tries = []

    def make(vectors, levels):
        tries.append(1)
        raise ValueError("no")

    retrieval = Retrieval(lambda _: make, run=at_once)
    for _ in range(3):
        assert retrieval.best(Wanting(vectors_of(0)), (0, "s1"), asking(1), np.ones(N, bool), 9) is None
    assert (len(tries), len(caplog.records)) == (1, 1)


class _Short:
    """Finds the rows ``found`` and proves nothing but ``reach``."""

    def __init__(self, found, reach):
        self.found, self.reach, self.asked = np.array(found), reach, []

    worn = False

    def __len__(self):
        return N

    def best(self, h, levels, allowed, k):
        self.asked.append(k)
        return Found(self.found, self.reach)


@pytest.mark.parametrize(
    ("found", "reach", "answered"),
    [(range(5, 20), -9.0, True), (range(5, 20), 99.0, False), ([5], float("nan"), False)],
)
def test_what_is_not_proven_is_looked_for_further_and_then_among_all(found, reach, answered):
    form = _Short(list(found), reach)
    retrieval = Retrieval(lambda _: lambda v, b: form, run=at_once)
    model, allowed = Wanting(vectors_of(0)), np.ones(N, bool)
    retrieval.best(model, (0, "s1"), asking(1), allowed, 9)
    assert (retrieval.best(model, (0, "s1"), asking(1), allowed, 9) is not None) == answered
    assert form.asked == ([82] if answered else [82, 656])


def test_an_index_finds_nearly_the_same():
    model, retrieval = Wanting(vectors_of(0)), Retrieval(lambda _: InvertedLists, run=at_once)
    allowed, met = np.random.default_rng(0).random(N) < 0.5, 0
    retrieval.best(model, (0, "s1"), asking(0), allowed, 20)
    for person in range(20):
        rows, _ = retrieval.best(model, (0, "s1"), asking(person), allowed, 20)
        met += len(np.intersect1d(rows, in_full(model, asking(person), allowed, 20)[0]))
    assert met >= 0.95 * 400


def houses(retrieval, n=80):
    """Two shops alike but for how items are found."""
    items = [Item(item_id=f"i{k}", title=f"thing {k}", category=f"c{k % 3}") for k in range(n)]
    pair = [House(vectors_of(7, n), items=items) for _ in range(2)]
    pair[1].recommender.personal._retrieval = retrieval
    return pair


@pytest.mark.parametrize("make", [int8_rows, float16_rows])
def test_a_shop_s_lists_stay_the_same(make, monkeypatch):
    monkeypatch.setattr(follow, "FEW", 0)
    monkeypatch.setattr(follow, "MORE", 4)
    full, quick = houses(Retrieval(lambda _: make, run=at_once))
    wishes = [
        (),
        (Correction(kind="category", name="c1", weight="never"),),
        (Correction(kind="category", name="c1", weight="more"),),
    ]
    rng, lists = np.random.default_rng(1), 0
    for step in range(60):
        person, item = f"p{rng.integers(5)}", f"i{rng.integers(80)}"
        kind = [EventType.VIEW, EventType.PURCHASE][rng.integers(2)]
        for house in (full, quick):
            house.does(person, item, kind, at=float(step))
            house.corrections.set(person, wishes[step // 20])
            if step == 30:
                house.catalog.delete(["i3", "i4"])
        for more in ({}, {"context_item": item}, {"exclude": [item]}):
            assert full.list(person, 7, now=DAY, **more) == quick.list(person, 7, now=DAY, **more)
            lists += 1
    assert lists == 180


def test_two_arms_of_one_snapshot_have_a_form_each(monkeypatch):
    """One learns and the other does not: a form for both would be made anew each time the other asks."""
    monkeypatch.setattr(follow, "FEW", 0)
    monkeypatch.setattr(follow, "MORE", 4)
    made = []

    def make(vectors, levels):
        made.append(len(vectors))
        return int8_rows(vectors, levels)

    full, quick = houses(Retrieval(lambda _: make, kept=2, run=at_once))
    people = [f"p{n}" for n in range(8)]
    for house in (full, quick):
        house.model = PlantedModel(vectors_of(8, 80))
        arms = Arms("spring", {"still": 0.5})
        house.recommender.experiment = Experiment(arms, {"still": house.made_tracker()})
        for n, person in enumerate(people):
            house.does(person, f"i{n}")
    assert len({quick.recommender.tracker_of(person) for person in people}) == 2
    for now in (DAY, 2 * DAY):
        for person in people:
            assert full.list(person, 7, now=now) == quick.list(person, 7, now=now)
    assert made == [80, 80]


def test_wishes_for_more_are_scored_among_all():
    full, quick = houses(Retrieval(lambda _: 1 / 0))
    for house in (full, quick):
        house.does("p", "i0")
        house.corrections.set("p", (Correction(kind="category", name="c1", weight="more"),))
    assert full.list("p") == quick.list("p")
    quick.corrections.set("p", ())
    asked = quick.recommender.recommend("p", 3, "home", 10 * DAY)
    assert asked.fallback == "person", "the form is asked where no wish bends the scores"


def test_settings_choose_the_form(monkeypatch):
    assert retrieval_of(RecommendSettings(retrieval="float32")) is None
    assert by_size(1_000) is None
    assert by_size(99_999) is None
    assert by_size(100_000) is int8_rows
    assert by_size(1_000_000) is InvertedLists
    monkeypatch.setattr("penchant.adapters.numba_scan.installed", lambda: False)
    assert by_size(100_000) is None
    assert retrieval_of(RecommendSettings()) is not None
    with pytest.raises(MissingExtra, match="int8"):
        retrieval_of(RecommendSettings(retrieval="int8"))


def test_rows_that_differ_are_found_and_a_shorter_table_is_another():
    old = vectors_of(0, 40_000)
    new = np.concatenate([old, old[:3]])
    new[[5, 20_000, 39_999]] += 1
    assert follow.moved(old, new).tolist() == [5, 20_000, 39_999, 40_000, 40_001, 40_002]
    assert follow.moved(new, old) is None
