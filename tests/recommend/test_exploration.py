"""Places that are drawn: with the chances that are logged, for whom it may be, and by what the log says."""

import numpy as np
import pytest
from tests.recommend.ruled import house, row

from penchant.model.trend import LiveTrend
from penchant.privacy.consent import Consent
from penchant.recommend.exploration.chances import FLOOR, rivals, stays
from penchant.recommend.exploration.feedback import Answer, Feedback
from penchant.recommend.exploration.learned import LISTS, PRIOR, RATE, TAKEN, Learned, Slot
from penchant.recommend.exploration.stage import Exploration
from penchant.recommend.personal import PersonalLists
from penchant.recommend.variety.exposure import APART
from penchant.recommend.wording import words
from penchant.settings import ExplorationSettings
from penchant.taste.corrections import Correction
from penchant.types import Impression, Item, Reason, Recommendation

NOW = 10 * 86_400.0


def nobody(rows, now):
    """Took anything."""
    return np.zeros(len(rows))


def exploring(share=0.5, learned=None, allows=lambda _: True, count=16, **more):
    """``ruled.house`` in which lists are drawn from."""
    items = [Item(item_id=f"i{n}", title=f"t {n}", category=f"c{n % 3}", brand=f"b{n}") for n in range(count)]
    made = house(count, items=items)
    given = ExplorationSettings(share=share, candidates=count, **more)
    stage = Exploration(given, learned or Learned(), allows, nobody, np.random.default_rng(5))
    made.recommender.personal = PersonalLists(made.recommender.personal.seen, spare=count)
    made.recommender._exploration = stage
    return made


def shown(made, n=4, person="anna", placement="home", **more):
    return made.recommender.recommend(person, n, placement, NOW, **more).items


@pytest.mark.parametrize("method", ["thompson", "uniform"])
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_the_propensity_of_a_place_is_how_often_it_comes_out_so(method, share):
    learned = Learned()
    learned.shown("home", [Slot(9, 0, 1.0)] * 30)
    learned.answered("home", Slot(9, 0, 1.0))
    made = exploring(share, learned, method=method)
    lists = 1_500
    seen, said = {}, {}
    for _ in range(lists):
        for one in shown(made):
            key = one.position, one.item_id
            seen[key] = seen.get(key, 0) + 1
            said.setdefault(key, set()).add(round(one.propensity, 12))
    assert {len(chances) for chances in said.values()} == {1}
    for key, count in seen.items():
        chance = next(iter(said[key]))
        # Five standard errors: of some fifty of them none is out by so much.
        assert abs(count / lists - chance) < 5 * np.sqrt(chance * (1 - chance) / lists) + 1e-9, key
    drawn = sum(count for (_, item), count in seen.items() if int(item[1:]) >= 4)
    if method == "uniform":
        assert drawn / (4 * lists) == pytest.approx(share, abs=0.03)
    else:
        assert 0 < drawn / (4 * lists) < share + 0.03
    for place in range(4):
        # What was never drawn in so many lists is rare; the others make up nearly all of each place.
        assert sum(next(iter(c)) for (at, _), c in said.items() if at == place) == pytest.approx(1, abs=0.03)


def test_the_chances_are_those_of_sampling():
    means, variances = np.array([0.0, 0.5, -1.0, 0.2]), np.array([0.1, 0.4, 2.0, 0.01])
    drawn = np.random.default_rng(0).normal(means, np.sqrt(variances), (200_000, 4)).argmax(axis=1)
    wanted = np.bincount(drawn, minlength=4) / 200_000
    others = rivals(means, variances)
    assert others.chances == pytest.approx((1 - FLOOR) * wanted + FLOOR / 4, abs=0.01)
    rng = np.random.default_rng(1)
    highest = rng.normal(means, np.sqrt(variances), (200_000, 4)).max(axis=1)
    for mean in (-1.0, 0.5, 1.5):
        above = (rng.normal(mean, 0.7, 200_000) > highest).mean()
        assert stays(others, np.array([mean]), np.array([0.49])) == pytest.approx([above], abs=0.01)
    assert stays(others, np.array([99.0, -99.0]), np.ones(2)) == pytest.approx([1 - FLOOR, 0.0], abs=1e-4)
    far = rivals(np.array([0.0, -60.0, 90.0]), np.array([1.0, 0.01, 0.01])).chances
    assert far == pytest.approx([FLOOR / 3, FLOOR / 3, 1 - 2 * FLOOR / 3], abs=1e-6)


def test_what_is_answered_more_than_expected_is_drawn_more():
    rows = np.arange(3)
    learned = Learned()
    before = learned.appeal("home", rows, np.zeros(3))
    assert (before[0] == before[0][0]).all()
    for row_ in (0, 1):
        learned.shown("home", [Slot(row_, 5, 0.5)] * 400)
    for _ in range(40):
        learned.answered("home", Slot(1, 5, 0.5))
    means, variances = learned.appeal("home", rows, np.zeros(3))
    expected = 400 * 0.5 * RATE
    for place, answers in ((0, 0), (1, 40)):
        shape, rate = PRIOR + answers, PRIOR + expected
        # The lognormal with the mean and the variance of the Gamma.
        assert np.exp(means[place] + variances[place] / 2) == pytest.approx(shape / rate)
        assert np.exp(variances[place]) - 1 == pytest.approx(1 / shape)
    assert means[0] < means[2] < means[1]
    assert learned.appeal("cart", rows, np.zeros(3))[0].tolist() == before[0].tolist()
    assert np.argmax(rivals(means, variances).chances) == 1


def test_a_place_where_more_is_answered_lets_expect_more():
    learned = Learned()
    learned.shown("home", [Slot(0, 0, 1.0)] * 1_000)
    for _ in range(500):
        learned.answered("home", Slot(0, 0, 1.0))
    learned.shown("home", [Slot(1, 0, 0.999)] * 10)
    rate = (500 + RATE * LISTS) / (1_000 + LISTS)
    mean, variance = learned.appeal("home", np.array([1]), np.zeros(1))
    assert np.exp(mean + variance / 2)[0] == pytest.approx(PRIOR / (PRIOR + 9.99 * rate))


def test_of_what_many_took_little_is_left_to_learn():
    variances = Learned().appeal("home", np.arange(2), np.array([0.0, 80.0]))[1]
    assert variances == pytest.approx([np.log1p(1 / PRIOR), np.log1p(1 / (PRIOR + 80 * TAKEN))])
    live = LiveTrend()
    live.on_events(np.array([1, 1, 2]), np.zeros(3), np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))
    assert live.takers(np.array([0, 1, 2, 9]), 0.0).tolist() == [0.0, 2.0, 0.0, 0.0]


def test_by_default_nothing_is_drawn():
    assert not ExplorationSettings().on
    assert ExplorationSettings(placements={"home": 0.1}).on
    made = exploring(0.0, placements={"cart": 1.0})
    assert {one.propensity for _ in range(20) for one in shown(made)} == {1.0}
    assert {one.propensity for one in shown(made, placement="cart")} != {1.0}


@pytest.mark.parametrize("person", [None, "somebody-new"])
def test_strangers_and_those_who_opted_out_get_their_own_lists(person):
    made = exploring(1.0)
    assert {one.propensity for _ in range(10) for one in shown(made, person=person)} == {1.0}
    made = exploring(1.0, allows=lambda who: who != "anna")
    assert [one.item_id for one in shown(made)] == ["i0", "i1", "i2", "i3"]
    made = exploring(1.0)
    made.consent.set("anna", Consent(profiling=False))
    assert {one.propensity for _ in range(10) for one in shown(made)} == {1.0}


def test_staff_and_rehearsals_draw_nothing():
    made = exploring(1.0)
    assert {one.propensity for one in shown(made, placement="console")} == {1.0}
    assert {one.propensity for one in made.recommender.under(made.force).made([], NOW)} == set()
    assert made.recommender.under(made.force)._exploration is None


def test_what_must_not_be_shown_is_not_drawn_and_pins_and_wishes_stay():
    made = exploring(1.0).under(
        row("first", "pin", 1, items='"i9"'), row("out", "exclude", items='"i4", "i5"')
    )
    made.catalog.upsert([Item(item_id="i6", available=False)])
    made.corrections.set(
        "anna",
        [
            Correction(kind="item", name="i7", weight="never"),
            Correction(kind="category", name="c2", weight="less"),
        ],
    )
    for _ in range(200):
        items = shown(made, exclude=["i8"])
        names = [one.item_id for one in items]
        assert names[0] == "i9"
        assert items[0].propensity == 1.0
        assert len(set(names)) == len(names) == 4
        assert not {"i4", "i5", "i6", "i7", "i8"} & set(names)
        drawn = [one for one in items if one.reason.kind == "tried"]
        assert not [one for one in drawn if int(one.item_id[1:]) % 3 == 2]


def test_limits_are_not_passed():
    made = exploring(1.0).under(row("few", "limit", 2, per="category"))
    for _ in range(100):
        categories = [int(one.item_id[1:]) % 3 for one in shown(made, 6)]
        assert max(np.bincount(categories)) <= 2


def test_a_kept_list_is_drawn_from_anew():
    made = exploring(1.0)
    first = shown(made)
    assert made.recommender.personal.latest.get("anna", None) is None
    assert len({tuple(one.item_id for one in shown(made)) for _ in range(10)}) > 1
    assert len(first) == 4


def test_who_asks_is_told_that_it_is_tried():
    assert words(Reason(kind="tried"), str) != words(Reason(kind="popular"), str)
    assert words(Reason(kind="tried"), str, "zh") != words(Reason(kind="popular"), str, "zh")


ROWS = {f"i{n}": n for n in range(20)}


def feedback(learned, most=10, counts=lambda _: True):
    return Feedback(learned, lambda names: np.array([ROWS.get(name, -1) for name in names]), counts, most)


def a_list(name, person="p", *, items=("i0", "i1"), time=0.0, tried=(), placement="home", **more):
    shown_ = tuple(
        Recommendation(
            item_id=item, score=-float(place), position=place,
            reason=Reason(kind="tried" if item in tried else "popular"),
        )
        for place, item in enumerate(items)
    )  # fmt: skip
    more = {"snapshot": "s1"} | more
    return Impression(
        recommendation_id=name, user_id=person, timestamp=time, placement=placement, items=shown_, **more
    )


def sums(learned, placement="home"):
    return learned._sums(placement, np.arange(20))


def test_an_event_answers_the_list_that_it_names_else_the_newest_of_a_day():
    learned = Learned()
    follows = feedback(learned)
    follows.lists([a_list("r1", time=0.0), a_list("r2", items=("i0", "i2"), time=50.0, placement="cart")])
    follows.answers([Answer("p", "i0", 60.0)])
    assert sums(learned, "cart")[0][0] == 1
    follows.answers([Answer("p", "i0", 61.0, "r1"), Answer("p", "i0", 62.0, "r1")])
    assert sums(learned)[0][0] == 1
    for wrong in (Answer("q", "i1", 60.0, "r1"), Answer("p", "i1", 90_000.0), Answer("p", "i9", 60.0, "r1")):
        follows.answers([wrong])
    assert sums(learned)[0].sum() == 1
    follows.answers([Answer("p", "i1", 60.0, "r2")])
    assert sums(learned)[0][1] == 1


def test_a_drawn_item_is_expected_to_get_what_its_score_says():
    learned = Learned()
    follows = feedback(learned)
    follows.lists([a_list("r1", items=("i0", "i5", "i1"), tried={"i5"})])
    _, expected = sums(learned)
    first = RATE * LISTS / (LISTS + 1)
    assert expected[0] == pytest.approx(first)
    # Its score is above that of the next place that was not drawn, and so not less is expected of it.
    assert expected[5] == pytest.approx(0.999 * first)
    follows.lists([a_list("r2", items=("i0", "i6"), tried={"i6"})])
    # i1 has a place of the same kind, and was not answered either.
    assert sums(learned)[1][6] == pytest.approx(np.exp(-1) * first)


def test_lists_without_a_model_and_people_who_do_not_count_teach_nothing():
    learned = Learned()
    follows = feedback(learned, counts=lambda person: person != "robot")
    follows.lists(
        [a_list("a", person=""), a_list("b", person="robot"), a_list("c", snapshot=""),
         a_list("d", fallback="model")]
    )  # fmt: skip
    assert not sums(learned)[1].any()


def test_erasure_takes_a_person_s_part_out_and_old_lists_leave():
    alone, both = Learned(), Learned()
    follows, other = feedback(both), feedback(alone)
    lists = [a_list(f"r{n}", person="pq"[n % 2], items=("i1", "i2", "i3"), tried={"i2"}) for n in range(8)]
    answers = [Answer("pq"[n % 2], "i2", 5.0, f"r{n}") for n in range(8)]
    follows.lists(lists)
    follows.answers(answers)
    assert len(follows.export_person("p")) == 4
    assert follows.erase_person("p") == 4
    assert follows.erase_person("p") == 0
    assert follows.export_person("p") == []
    other.lists([one for one in lists if one.user_id == "q"])
    other.answers([one for one in answers if one.person == "q"])
    for one, two in zip(sums(both), sums(alone), strict=True):
        assert one == pytest.approx(two)
    follows.lists([a_list(f"n{n}", person="s", items=("i9",)) for n in range(10)])
    assert sums(both)[0].sum() == 0
    assert sums(both)[1][:9] == pytest.approx(np.zeros(9), abs=1e-12)


def test_lists_of_a_guest_are_the_persons_from_the_login_on():
    learned = Learned()
    follows = feedback(learned)
    follows.lists(
        [a_list("old", "g", time=1.0), a_list("p1", "p", time=2.0), a_list("g2", "g", time=3.0),
         a_list("p3", "p", items=("i2",), time=4.0), a_list("q", "q", time=5.0)]
    )  # fmt: skip
    assert follows.rename("g", "p", 1.0) == 1
    assert follows.rename("g", "p", 1.0) == follows.rename("nobody", "p") == 0
    held = {person: [one["recommendation_id"] for one in follows.export_person(person)] for person in "gp"}
    assert held == {"g": ["old"], "p": ["p1", "g2", "p3"]}
    follows.answers([Answer("p", "i0", 60.0, "g2"), Answer("p", "i1", 61.0)])
    answered = {one["recommendation_id"]: one["answered"] for one in follows.export_person("p")}
    assert answered == {"p1": [], "g2": ["i0", "i1"], "p3": []}
    assert follows.erase_person("p") == 3
    assert follows.rename("g", "p") == 1
    assert [follows.erase_person(person) for person in "gpq"] == [0, 1, 1]
    assert sums(learned)[1] == pytest.approx(np.zeros(20), abs=1e-12)


def test_placements_of_any_name_do_not_pile_up_and_each_list_leaves_from_where_it_was_put():
    learned = Learned()
    names = [f"place-{n}" for n in range(APART + 3)]
    for n, name in enumerate(names):
        learned.shown(name, [Slot(n, 0, 1.0)])
        learned.answered(name, Slot(n, 0, 1.0))
    assert len({id(use.sums) for use in learned._uses.values()}) == APART + 1
    assert sums_of(learned, names[0]) == {0}
    together = {APART, APART + 1, APART + 2}
    assert sums_of(learned, names[-1]) == sums_of(learned, "never seen") == together
    for n in (0, APART):
        learned.shown(names[n], [Slot(n, 0, 1.0)], -1.0)
        learned.answered(names[n], Slot(n, 0, 1.0), -1.0)
        assert names[n] not in learned._uses
    # A place is free for a name that comes now; who shares sums does not leave them for it.
    learned.shown(names[-1], [Slot(50, 0, 1.0)])
    learned.shown("new", [Slot(60, 0, 1.0)])
    assert sums_of(learned, "new") == {60}
    assert sums_of(learned, names[-1]) == {APART + 1, APART + 2, 50}
    assert sums_of(learned, "never seen") == {APART + 1, APART + 2, 50}


def test_of_a_placement_whose_lists_are_gone_nothing_is_held():
    learned = Learned()
    follows = feedback(learned, most=100)
    for n in range(APART + 5):
        follows.lists([a_list(f"r{n}", placement=f"place-{n}")])
    follows.answers([Answer("p", "i0", 5.0)])
    assert follows.erase_person("p") == APART + 5
    assert not learned._uses
    assert (learned._apart, len(learned._others.answers)) == (0, 0)


def sums_of(learned, placement):
    """Rows that were shown there."""
    return set(np.flatnonzero(learned._sums(placement, np.arange(100))[1] > 1e-9).tolist())
