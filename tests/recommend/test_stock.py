"""Stock in lists: bounded, never over the rules of the house, and nothing where nothing is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recommend.ruled import house, row

from penchant.errors import SettingsError
from penchant.recommend.candidates import top_k
from penchant.recommend.stock import PLENTY, Levels, StockedRules
from penchant.settings import StockSettings, parse_settings

BOTH = StockSettings(nearly_out=7, too_much=90, less=0.5, more=0.25)


def stocked(made, settings, on_hand, sold=None):
    rules = StockedRules(made.force, settings)
    rules.use(Levels(1, on_hand, sold or dict.fromkeys(on_hand, 1.0)))
    made.recommender._rules = rules
    return rules


def about(made, rules, scores):
    """Scores as they are moved, in the order of the items."""
    return rules.about(made.catalog.view(), None, "home", 0.0).bent(np.asarray(scores, np.float32))


def shown(made, n=12):
    return [one.item_id for one in made.recommender.recommend("anna", n, "home", 0.0).items]


def test_what_is_nearly_out_is_shown_less_and_what_there_is_too_much_of_more():
    made = house()
    before = shown(made)
    stocked(
        made, StockSettings(nearly_out=7, too_much=90, less=1, more=1), {before[0]: 2.0, before[-1]: 500.0}
    )
    after = shown(made)
    assert after.index(before[0]) > 0
    assert after.index(before[-1]) < len(before) - 1
    assert sorted(after) == sorted(before)
    middle = [item for item in after if item in before[1:-1]]
    assert middle == before[1:-1]


@pytest.mark.parametrize("on_hand", [7.0, 30.0, 90.0])
def test_enough_is_as_if_nothing_were_told(on_hand):
    made = house()
    before = shown(made)
    rules = stocked(made, BOTH, dict.fromkeys(before, on_hand))
    assert shown(made) == before
    plan = rules.about(made.catalog.view(), None, "home", 0.0).plan
    assert plan is not None
    assert plan.shift is None


def test_an_item_of_which_nothing_was_sold_is_not_nearly_out():
    made = house()
    before = shown(made)
    stocked(made, StockSettings(nearly_out=7), {before[0]: 1.0}, sold={before[1]: 1.0})
    assert shown(made) == before


levels = st.dictionaries(
    st.sampled_from([f"i{n}" for n in range(12)]), st.floats(0, 1e6, allow_nan=False), min_size=1
)
MADE = house()


@given(
    levels,
    st.dictionaries(st.sampled_from([f"i{n}" for n in range(12)]), st.floats(0, 1e4)),
    st.floats(0, 1), st.floats(0, 1), st.lists(st.floats(-50, 50, width=32), min_size=12, max_size=12),
)  # fmt: skip
def test_no_score_moves_further_than_the_limits_and_no_item_passes_by_more(on_hand, sold, less, more, scores):
    settings = StockSettings(nearly_out=7, too_much=90, less=less, more=more)
    rules = StockedRules(MADE.force, settings)
    rules.use(Levels(1, on_hand, sold))
    given_scores = np.array(scores, np.float32)
    moved = about(MADE, rules, given_scores) - given_scores
    spread = float(given_scores.std()) or 1.0
    slack = 1e-4 * (1 + float(np.abs(given_scores).max()))
    assert moved.max() <= more * spread + slack
    assert moved.min() >= -less * spread - slack
    # Whoever leads by more than both limits together leads still.
    order = top_k(given_scores + moved, np.ones(12, bool), 12)
    for place, row_ in enumerate(order[1:], 1):
        assert given_scores[row_] <= given_scores[order[:place]].min() + (less + more) * spread + 2 * slack


def test_what_the_rules_exclude_stays_out_however_much_there_is():
    made = house().under(row("none", "exclude", items='"i3"'))
    stocked(made, StockSettings(too_much=1, more=1), {"i3": 1e6, "i4": 1e6})
    assert "i3" not in shown(made)
    assert "i4" in shown(made)


def test_rules_and_stock_add_up_and_pins_hold():
    made = house().under(row("up", "boost", 0.5, items='"i11"'), row("top", "pin", 1, items='"i10"'))
    rules = stocked(made, BOTH, {"i11": 500.0, "i10": 1.0})
    plan = rules.about(made.catalog.view(), None, "home", 0.0).plan
    assert plan is not None
    assert plan.shift is not None
    view = made.catalog.view()
    assert plan.shift[[view.row("i11"), view.row("i10"), view.row("i5")]].tolist() == [0.75, -0.5, 0]
    assert shown(made)[0] == "i10"


def test_what_is_sold_out_is_hidden_only_where_the_shop_says_so_and_no_pin_brings_it_back():
    made = house().under(row("top", "pin", 1, items='"i0"'))
    stocked(made, StockSettings(hide=True), {"i0": 0.0, "i1": 1.0})
    assert "i0" not in shown(made)
    assert "i1" in shown(made)
    stocked(made, StockSettings(nearly_out=7), {"i0": 0.0})
    assert "i0" in shown(made)


def test_an_item_that_is_there_only_for_its_stock_says_so():
    made = house()
    before = shown(made)
    stocked(made, StockSettings(too_much=90, more=1), {before[3]: 500.0})
    items = made.recommender.recommend("anna", 3, "home", 0.0).items
    (lifted,) = [one for one in items if one.item_id == before[3]]
    assert (lifted.reason.kind, lifted.reason.rule) == ("rule", PLENTY)


def test_other_levels_hold_from_the_next_list_on():
    made = house()
    before = shown(made)
    rules = stocked(made, StockSettings(hide=True), {before[0]: 5.0})
    assert shown(made) == before
    rules.use(Levels(2, {before[0]: 0.0}, {}))
    assert shown(made) == before[1:]
    rules.use(Levels(3, {before[0]: 4.0}, {}))
    assert shown(made) == before


def test_stock_is_off_by_default_and_wrong_settings_are_refused():
    assert not StockSettings().on
    assert StockSettings(hide=True).on
    with pytest.raises(SettingsError, match="not above nearly_out"):
        parse_settings("[stock]\nnearly_out = 30\ntoo_much = 20")
    with pytest.raises(SettingsError, match="<= 1"):
        parse_settings("[stock]\nless = 1.5")
