import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.catalog.view import view_of
from penchant.errors import InvalidInput
from penchant.recommend.candidates import top_k
from penchant.taste.corrections import Correction, merged
from penchant.taste.price_level import price_levels_of_all
from penchant.taste.wished import PLACES, never, steered, wished
from penchant.types import Item

ITEMS = [
    Item(
        item_id=f"i{n}",
        title=f"{'Red' if n % 3 else 'Blue'} thing {n}",
        category=f"c{n % 4} > x{n % 8}",
        brand=f"b{n % 5}",
        price=None if n % 7 == 0 else float(1 + n % 30),
    )
    for n in range(200)
]
VIEW = view_of(1, [item.item_id for item in ITEMS], dict(enumerate(ITEMS)))
ALL = np.ones(len(VIEW), dtype=bool)
NAMES = {"category": "c1", "brand": "b2", "word": "blue", "price": "high", "item": "i7"}


def wish(kind, weight, name=None):
    return Correction(kind=kind, name=name or NAMES[kind], weight=weight)


def share(scores, about, allowed=ALL, n=PLACES):
    return int(about[top_k(scores, allowed, n)].sum())


def scores_of(seed, heavy):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=len(VIEW))
    # Some of the things wanted before stand far above all others, as they do in real lists.
    scores[rng.integers(0, len(VIEW), 15)] += heavy * rng.exponential(size=15)
    return scores.astype(np.float32)


cases = given(
    seed=st.integers(0, 10_000), heavy=st.sampled_from([0.0, 3.0, 300.0]), kind=st.sampled_from(sorted(NAMES))
)


@cases
def test_less_leaves_a_fifth_of_the_places_and_no_other_order(seed, heavy, kind):
    scores = scores_of(seed, heavy)
    allowed = np.random.default_rng(seed + 1).random(len(VIEW)) < 0.8
    told = wish(kind, "less")
    about = wished(told, VIEW)
    after = steered(scores, [told], VIEW, allowed)
    assert share(after, about, allowed) <= 0.2 * share(scores, about, allowed)
    rest = allowed & ~about
    assert top_k(after, rest, 50).tolist() == top_k(scores, rest, 50).tolist()
    inside = allowed & about
    assert top_k(after, inside, 5).tolist() == top_k(scores, inside, 5).tolist()


@cases
def test_more_gives_more_places_and_does_not_fill_the_list(seed, heavy, kind):
    scores = scores_of(seed, heavy)
    told = wish(kind, "more")
    about = wished(told, VIEW)
    before, after = share(scores, about), share(steered(scores, [told], VIEW, ALL), about)
    assert after >= min(max(4, 2 * before), 15, about.sum())
    assert after <= max(16, before)
    assert (
        top_k(steered(scores, [told], VIEW, ALL), ~about, 50).tolist() == top_k(scores, ~about, 50).tolist()
    )


def test_the_narrower_wish_holds():
    scores = scores_of(1, 3.0)
    less, more = wish("category", "less"), wish("item", "more", "i5")
    for wishes in ([less, more], [more, less]):
        after = steered(scores, wishes, VIEW, ALL)
        assert 5 in top_k(after, ALL, PLACES)
        others = wished(less, VIEW) & ~wished(more, VIEW)
        assert share(after, others) <= 0.2 * share(scores, others)


def test_nothing_is_moved_by_nothing():
    scores = scores_of(2, 1.0)
    assert steered(scores, [wish("brand", "never")], VIEW, ALL) is scores
    unknown = Correction(kind="brand", name="nobody's", weight="less")
    assert steered(scores, [unknown], VIEW, ALL).tolist() == scores.tolist()


def test_words_and_price_levels_are_found():
    blue = np.array(["Blue" in item.title for item in ITEMS])
    assert never([wish("word", "never", "BLUE")], VIEW).tolist() == blue.tolist()
    assert np.flatnonzero(wished(wish("word", "less", "blue 30"), VIEW)).tolist() == [30]
    assert not wished(wish("word", "less", "blu"), VIEW).any()
    level = price_levels_of_all(VIEW)
    priced = np.array([item.price is not None for item in ITEMS])
    assert np.isfinite(level).tolist() == priced.tolist()
    thirds = [wished(wish("price", "less", name), VIEW) for name in ("low", "middle", "high")]
    assert (sum(third.astype(int) for third in thirds) == priced).all()
    inside = wished(wish("category", "less", "c1 > x1"), VIEW)
    price = VIEW.price
    assert price[inside & thirds[0]].max() < price[inside & thirds[2]].min()


def test_a_word_without_spaces_around_it_is_found_where_nobody_writes_spaces():
    items = [Item(item_id=str(n), title=title) for n, title in enumerate(["红茶礼盒", "绿茶", "Tea 茶"])]
    view = view_of(1, ["0", "1", "2"], dict(enumerate(items)))
    assert wished(wish("word", "less", "茶"), view).tolist() == [True, True, True]
    assert wished(wish("word", "less", "礼盒"), view).tolist() == [True, False, False]


def test_a_title_that_changes_is_found_by_its_new_words_only():
    items = [Item(item_id=str(n), title="Green tea") for n in range(3)]
    view = view_of(1, ["0", "1", "2"], dict(enumerate(items)))
    tea = wish("word", "never", "tea")
    assert wished(tea, view).all()
    later = view.patched(2, (), {1: Item(item_id="1", title="Black coffee")})
    assert wished(tea, later).tolist() == [True, False, True]
    assert wished(tea, VIEW).sum() == 0


def test_a_price_level_has_one_of_three_names():
    with pytest.raises(InvalidInput, match="low, middle, high"):
        merged([], [wish("price", "less", "cheap")])
