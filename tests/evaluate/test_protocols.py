"""What is trained on and what is asked."""

import numpy as np
import pytest
from evaluation_worlds import BUY, DAY, VIEW, shop, world
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import InvalidInput, NotEnoughData
from penchant.evaluate.protocols import (
    default_cut,
    leave_one_out,
    main_type,
    prequential,
    repeats,
    successive,
    time_split,
)
from penchant.evaluate.run import PROTOCOLS, Plan, make_splits
from penchant.evaluate.segments import taken_before
from penchant.model.histories import histories_of
from penchant.types import EventType


def test_leave_one_out_by_hand() -> None:
    histories = histories_of([[1, 2, 3, 4], [5, 6], [7, 8, 7]])
    split = leave_one_out(histories)
    assert split.train.items.tolist() == [1, 2, 5, 6, 7]  # the one with two events only trains
    assert split.questions.items.tolist() == [4, 7]
    assert split.questions.contexts.people.tolist() == [0, 2]
    assert split.questions.contexts.ends.tolist() == [3, 8]  # the validation event is known by then
    assert split.validation is not None
    assert split.validation.items.tolist() == [3, 8]
    assert split.validation.contexts.ends.tolist() == [2, 7]
    assert split.leave_out_seen


def test_leave_one_out_takes_the_last_event_that_has_an_item() -> None:
    split = leave_one_out(histories_of([[1, 2, 3, -1], [4, -1, -1, 5]]))
    assert split.questions.items.tolist() == [3]
    assert split.train.items.tolist() == [1, 4, -1, -1, 5]


def test_leave_one_out_of_one_type_leaves_others_in_between_in_the_state() -> None:
    rows = [(0, d, item, kind, d) for d, (item, kind) in enumerate([(1, BUY), (2, BUY), (3, BUY), (9, VIEW)])]
    split = leave_one_out(world(rows), EventType.PURCHASE)
    assert split.questions.items.tolist() == [3]
    assert leave_one_out(world(rows)).questions.items.tolist() == [9]


def test_leave_one_out_without_long_histories_is_an_error() -> None:
    with pytest.raises(NotEnoughData, match="at least three"):
        leave_one_out(histories_of([[1, 2]]))


def test_time_split_asks_each_later_basket_from_all_before_it() -> None:
    rows = [
        (0, 1, 10, BUY, 1),
        (0, 1, 11, BUY, 1),
        (0, 9, 12, BUY, 2),  # before the cut
        (0, 11, 13, BUY, 3),
        (0, 11, 13, BUY, 3),  # two of them are one answer
        (0, 11, 10, BUY, 3),
        (0, 12, 14, VIEW, 4),
        (0, 13, 15, BUY, 5),
        (1, 12, 10, BUY, 6),
    ]
    split = time_split(world(rows), cut=10 * DAY)
    assert split.train.items.tolist() == [10, 11, 12]
    contexts = split.questions.contexts
    assert contexts.people.tolist() == [0, 0, 1]
    assert contexts.ends.tolist() == [3, 7, 8]
    assert (contexts.times / DAY).tolist() == [11, 13, 12]
    answers = [split.questions.items[split.questions.owner == c].tolist() for c in range(3)]
    assert answers == [[10, 13], [15], [10]]
    assert split.known_people.tolist() == [True, False]
    assert not split.leave_out_seen
    assert taken_before(split).tolist() == [True, False, False, False]


def test_a_basket_that_began_before_the_cut_is_not_asked() -> None:
    rows = [(0, 1, 1, BUY, 1), (0, 9.9, 2, BUY, 2), (0, 10.1, 3, BUY, 2), (0, 11, 4, BUY, 3)]
    assert time_split(world(rows), cut=10 * DAY).questions.items.tolist() == [4]


def test_views_are_predicted_one_by_one_where_nobody_buys() -> None:
    rows = [(0, day, day % 3, VIEW, day) for day in range(20)]
    histories = world(rows)
    assert main_type(histories) is EventType.VIEW
    assert len(time_split(histories, cut=15 * DAY).questions) == 5


def test_types_by_preference() -> None:
    rating = EventType.RATING.code
    rows = [(0, 0, 1, VIEW, 0), (0, 1, 1, VIEW, 1), (0, 2, 1, rating, 2)]
    assert main_type(world(rows)) is EventType.RATING
    assert main_type(world([*rows, (0, 3, 1, BUY, 3)])) is EventType.PURCHASE
    assert main_type(world(rows[:2])) is EventType.VIEW
    with pytest.raises(NotEnoughData, match="no event has an item"):
        main_type(world([(0, 0, -1, VIEW, 0)]))


def test_cut_is_four_weeks_or_a_fifth() -> None:
    assert default_cut(histories_of([[1] * 101])) == 72 * DAY
    assert default_cut(histories_of([[1] * 51])) == 40 * DAY


def test_nothing_on_one_side_of_the_cut_is_an_error() -> None:
    histories = histories_of([[1, 2, 3]])
    with pytest.raises(NotEnoughData, match="after the cut"):
        time_split(histories, cut=99 * DAY)
    with pytest.raises(NotEnoughData, match="before the cut"):
        time_split(histories, cut=0)
    with pytest.raises(InvalidInput, match="at least one block"):
        prequential(histories, cut=DAY, blocks=0)


@settings(max_examples=25)
@given(seed=st.integers(0, 1_000), blocks=st.integers(1, 6))
def test_prequential_asks_what_the_time_split_asks_and_trains_on_all_before_each_block(
    seed: int, blocks: int
) -> None:
    histories = shop(seed)
    whole, parts = time_split(histories), prequential(histories, blocks=blocks)
    ends = np.concatenate([part.questions.contexts.ends for part in parts])
    assert sorted(ends) == sorted(whole.questions.contexts.ends)
    assert sum(len(part.questions.items) for part in parts) == len(whole.questions.items)
    for part in parts:
        assert part.train.times.max() < part.start <= part.questions.contexts.times.min()
        assert part.train.events == (histories.times < part.start).sum()
    assert [p.train.events for p in parts] == sorted(p.train.events for p in parts)


@settings(max_examples=25)
@given(seed=st.integers(0, 1_000))
def test_answers_are_never_known_before_they_are_asked(seed: int) -> None:
    histories = shop(seed)
    for split in (time_split(histories), leave_one_out(histories), *prequential(histories)):
        contexts, questions = split.questions.contexts, split.questions
        assert (histories.offsets[contexts.people] <= contexts.ends).all()
        for c in range(len(questions)):
            basket = histories.baskets[contexts.ends[c]]
            here = (histories.baskets == basket) & (histories.items >= 0)
            if not split.leave_out_seen:
                assert set(questions.items[questions.owner == c]) == set(histories.items[here])
                assert not (histories.baskets[: contexts.ends[c]] == basket).any()


def test_successive_asks_each_event_even_within_a_basket_from_all_before_it() -> None:
    rows = [
        (0, 1, 10, BUY, 1),
        (0, 11, 13, BUY, 3),
        (0, 11, 12, BUY, 3),
        (0, 12, 14, VIEW, 4),
        (0, 13, 15, BUY, 5),
        (1, 12, 10, BUY, 6),
    ]
    split = successive(world(rows), cut=10 * DAY)
    assert split.train.items.tolist() == [10]
    assert split.questions.items.tolist() == [13, 12, 15, 10]
    assert split.questions.contexts.ends.tolist() == [1, 2, 4, 5]
    assert split.questions.contexts.people.tolist() == [0, 0, 0, 1]


def test_successive_asks_the_last_tenth_and_leaves_out_what_was_taken_only_where_nothing_is_taken_twice() -> (
    None
):
    once = successive(histories_of([list(range(100))]))
    assert once.questions.items.tolist() == list(range(90, 100))
    assert once.leave_out_seen
    twice = histories_of([[*range(50), *range(50)]])
    assert repeats(twice, EventType.PURCHASE) == 0.5
    assert not successive(twice).leave_out_seen


def test_successive_without_anything_to_predict_is_an_error() -> None:
    with pytest.raises(NotEnoughData, match="nothing of type purchase"):
        successive(histories_of([[1, 2]]), cut=5 * DAY)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_validation_looks_at_nothing_of_the_test_part(protocol: str) -> None:
    histories = shop(seed=3, days=200)
    test = make_splits(histories, Plan(protocol))
    found = make_splits(histories, Plan(protocol, on="validation"))
    cut = np.inf if protocol == "leave-one-out" else test[0].start
    for split in found:
        assert split.full.times.max() < cut
        assert split.questions.contexts.times.max() < cut
        known = split.full.items[split.questions.contexts.ends]
        single = np.bincount(split.questions.owner)[split.questions.owner] == 1
        assert (known[split.questions.owner] == split.questions.items)[single].all()


def test_validation_of_leave_one_out_is_the_event_before_the_last_and_trains_on_the_same() -> None:
    histories = histories_of([[1, 2, 3, 4], [5, 6], [7, 8, 7]])
    (split,) = make_splits(histories, Plan("leave-one-out", on="validation"))
    assert split.full.items.tolist() == [1, 2, 3, 5, 6, 7, 8]
    assert split.train.items.tolist() == [1, 2, 5, 6, 7]
    assert split.questions.items.tolist() == [3, 8]
    assert split.questions.contexts.ends.tolist() == [2, 6]


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="unknown part"):
        make_splits(histories_of([[1, 2, 3]]), Plan(on="train"))
