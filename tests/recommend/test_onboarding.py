"""Questions to somebody new: they split people, and answers bend what is popular."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.catalog.view import view_of
from penchant.recommend.onboarding import crowd_of
from penchant.types import Item

KINDS = ["milk", "books", "games", "shoes"]


def shop(size=40, categories=KINDS):
    items = [
        Item(item_id=f"i{n}", category=categories[n % len(categories)] if categories else "")
        for n in range(size)
    ]
    return view_of(1, [item.item_id for item in items], dict(enumerate(items)))


def crowd(rows, **more):
    """Rows of items that each person took, in order."""
    person = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return crowd_of([f"p{n}" for n in range(len(rows))], person, np.concatenate(rows), **more)


def planted(rng, people=200):
    """All take milk, half books, a tenth games, nobody shoes. Kind k has rows k, k + 4 ..."""
    rows = []
    for n in range(people):
        kinds = [0] + [1] * (n % 2) + [2] * (n % 10 == 0)
        rows.append(np.concatenate([4 * rng.choice(10, 4, replace=False) + kind for kind in kinds]))
    return crowd(rows)


POPULAR = np.linspace(1, 0.1, 40, dtype=np.float32)
EVERY = np.ones(40, bool)


def kinds_of(rows):
    return [row % 4 for row in rows]


def test_what_half_would_like_is_asked_first_and_what_all_or_none_would_last():
    found = planted(np.random.default_rng(0)).questions(shop(), EVERY, POPULAR, {}, 9)
    assert kinds_of(found)[:2] == [1, 2], "milk and shoes tell nothing"
    assert found == [1, 2, *found[2:]], "the most popular one of a kind stands for it"
    assert len(found) == 4, "one question a kind"


def test_destroyed_no_kind_tells_more_than_another():
    """Where everybody takes of every kind, no answer moves a list far."""
    rng = np.random.default_rng(0)
    same = crowd([rng.choice(40, 20, replace=False) for _ in range(200)])
    before, after = same.scores(shop(), POPULAR, {1: True}), same.scores(shop(), POPULAR, {2: True})
    assert np.abs(before - after).max() < 0.15
    told = planted(rng)
    assert (
        np.abs(told.scores(shop(), POPULAR, {1: True}) - told.scores(shop(), POPULAR, {1: False})).max() > 0.4
    )


def test_answers_adapt_the_next_question():
    rng = np.random.default_rng(1)
    rows = []
    for n in range(300):  # Who likes books differs in games, who does not in shoes.
        kinds = [1, 2] if n % 4 == 0 else [1] if n % 4 == 1 else [0, 3] if n % 4 == 2 else [0]
        rows.append(np.concatenate([4 * rng.choice(10, 4, replace=False) + kind for kind in kinds]))
    made = crowd(rows)
    ask = lambda answers: kinds_of(made.questions(shop(), EVERY, POPULAR, answers, 1))[0]  # noqa: E731
    assert ask({1: True}) == 2
    assert ask({1: False}) == 3


def test_lists_follow_answers():
    made, view = planted(np.random.default_rng(0)), shop()
    likes, dislikes = (made.scores(view, POPULAR, {1: one}) for one in (True, False))
    share = lambda scores: np.mean([row % 4 == 1 for row in np.argsort(-scores)[:10]])  # noqa: E731
    assert share(likes) > share(POPULAR) > share(dislikes)
    assert likes.max() == dislikes.max() == 1
    assert likes.min() >= 0


def test_without_answers_or_people_it_is_what_is_popular():
    view = shop()
    for made, answers in ((planted(np.random.default_rng(0)), {}), (crowd([np.array([1])]), {1: True})):
        np.testing.assert_array_equal(made.scores(view, POPULAR, answers), POPULAR)
    assert len(crowd([np.array([1])]).questions(view, EVERY, POPULAR, {}, 9)) == 4


def test_only_what_may_be_shown_and_is_known_is_asked():
    made, allowed = planted(np.random.default_rng(0)), EVERY.copy()
    allowed[[1, 2]] = False
    popular = POPULAR.copy()
    popular[5] = 0
    assert made.questions(shop(), allowed, popular, {}, 2) == [9, 6]


def test_things_that_are_bought_again_stand_for_themselves():
    rows = [np.array([0, 4, 8]) if n % 2 else np.array([12, 16, 20]) for n in range(20)]
    alone = crowd(rows, again=lambda view: np.ones(len(view), bool))
    view = shop(categories=["milk"])
    assert len(crowd(rows).questions(view, EVERY, POPULAR, {}, 9)) == 1
    assert len(alone.questions(view, EVERY, POPULAR, {}, 9)) == 9
    best = np.argsort(-alone.scores(view, POPULAR, {0: True, 12: False}))[:3]
    assert sorted(best.tolist()) == [0, 4, 8]


@pytest.mark.parametrize("gone", [1, 7])
def test_who_is_forgotten_is_like_nobody(gone):
    rng = np.random.default_rng(3)
    rows = [rng.choice(40, 5, replace=False) for _ in range(12)]
    made, without = crowd(rows), crowd([row for n, row in enumerate(rows) if n != gone])
    made.scores(shop(), POPULAR, {3: True})
    made.forget(f"p{gone}")
    made.forget("nobody")
    assert len(made) == len(without) == 11
    for answers in ({3: True}, {3: False, 8: True}):
        np.testing.assert_allclose(
            made.scores(shop(), POPULAR, answers), without.scores(shop(), POPULAR, answers), atol=1e-6
        )
        assert made.questions(shop(), EVERY, POPULAR, answers, 4) == without.questions(
            shop(), EVERY, POPULAR, answers, 4
        )


@given(st.lists(st.lists(st.integers(0, 39), min_size=1, max_size=9), min_size=1, max_size=8), st.data())
def test_whatever_is_answered_scores_are_numbers(rows, data):
    made = crowd([np.array(row) for row in rows])
    answers = data.draw(st.dictionaries(st.integers(0, 60), st.booleans(), max_size=9))
    scores = made.scores(shop(), POPULAR, answers)
    assert scores.shape == (40,)
    assert np.isfinite(scores).all()
    found = made.questions(shop(), EVERY, POPULAR, answers, 5)
    assert len(set(found)) == len(found)
    assert not {row % 4 for row in found} & {row % 4 for row in answers if row < 40}


def test_a_share_is_of_all_that_somebody_took():
    often = crowd([np.array([1, 1, 1, 2, 3]), np.array([5, 6, 7])])
    assert often._share.tolist() == [0.6, 0.2, 0.2, *[pytest.approx(1 / 3)] * 3]
    assert often._items.tolist() == [1, 2, 3, 5, 6, 7]
