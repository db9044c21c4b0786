"""What item vectors learn within a block: who takes a new item, from what is over, and nothing else."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from evaluation_worlds import BUY, DAY, VIEW, Row, world

from penchant.evaluate.arms import Arm, Deltas, LiveState, Online
from penchant.evaluate.recommender import Contexts, ItemTable
from penchant.evaluate.stream import first_model, run_arm
from penchant.evaluate.stream_asking import Asker, Ranks, beside, in_order
from penchant.evaluate.stream_cut import Stream, StreamPlan, open_stream
from penchant.evaluate.stream_online import AMONG, MOMENTS, STEP, TableLearner, ends_of, latest
from penchant.learn.online import OnlineSettings
from penchant.model.histories import Histories
from penchant.model.scoring import PreferenceModel, score_blocks
from penchant.model.settings import ModelSettings

SIDE, NEW = 30, 60
"""Items that each of two groups takes, and the row of the new one."""
GROUP, TAKERS = 60, 12
SMALL = ModelSettings(dim=8, layers=1, text_dim=8, memory=4, threads=1, max_epochs=4)
PLAN = StreamPlan(cut=60 * DAY, blocks=2, checkpoints=1, matrix=False)


def shop(takers: list[int]) -> Histories:
    """Even people take the first items, odd ones the others; ``takers`` the new one, one every other day."""
    rng, rows = np.random.default_rng(2), list[Row]()
    for person in range(2 * GROUP):
        own = SIDE * (person % 2) + rng.permutation(SIDE)
        days = np.sort(rng.uniform(0, 100, 16))
        rows += [(person, day, int(own[k]), BUY, k) for k, day in enumerate(days.tolist())]
    rows += [(person, 70.0 + 2 * k, NEW, BUY, 100) for k, person in enumerate(takers)]
    return world(sorted(rows, key=lambda row: row[:2]))


PLANTED, DESTROYED = [*range(0, 2 * TAKERS, 2)], [*range(TAKERS)]
"""Takers of one group only, and of both alike."""


def stream(takers: list[int]) -> Stream:
    return open_stream(shop(takers), ItemTable(NEW + 1), PLAN)


@cache
def model() -> PreferenceModel:
    """The same for all: nobody took the new item before the cut."""
    return first_model(stream(PLANTED), SMALL, 0)[0]


def no_clock() -> float:
    return 0.0


def learner(here: Stream) -> TableLearner:
    return TableLearner.start(model(), Asker.of(here, live=True), OnlineSettings(), here.turn(0, 0))


@cache
def gains(destroyed: bool) -> tuple[float, float]:
    """Places that the new item won for those of each group who did not take it, means."""
    takers = DESTROYED if destroyed else PLANTED
    here = stream(takers)
    learned = learner(here)
    for block in range(here.blocks):
        learned.ask(block, no_clock)
    learned.catch_up(np.inf)
    others = np.setdiff1d(np.arange(2 * GROUP), takers)
    full = here.split.full
    asked = Contexts(others, full.offsets[1:][others], np.full(len(others), 101 * DAY))
    answers, trend = learned.asker.answers(model(), full, asked), learned.asker.trend

    def place(table: bool) -> np.ndarray:
        items = beside(learned.items, learned.table) if table else learned.items
        ((_, scores),) = score_blocks(answers, items, trend, len(others))
        return (scores > scores[:, [NEW]]).sum(1)

    won = place(table=False) - place(table=True)
    return float(won[others % 2 == 0].mean()), float(won[others % 2 == 1].mean())


def test_who_a_new_item_is_for_is_learned_within_the_block() -> None:
    own, other = gains(destroyed=False)
    assert own > 2
    assert other < 0


def test_what_both_groups_take_is_for_neither() -> None:
    assert max(gains(destroyed=True)) < 1
    assert gains(destroyed=True)[0] < gains(destroyed=False)[0] / 3


def ranks(here: Stream, arm: Arm) -> Ranks:
    return run_arm(here, model(), arm, 0).ranks


def with_last_items_changed(here: Stream, since: float) -> Stream:
    """The same moments; from ``since`` on everybody takes what another one took."""
    full = here.split.full
    rows, items = full.times >= since, full.items.copy()
    items[rows] = np.random.default_rng(1).permutation(items[rows])
    changed = Histories(full.offsets, items, full.types, full.times, full.baskets, full.values, full.queries)
    return open_stream(changed, here.items, here.plan)


@pytest.mark.parametrize("since", [70.0, 85.0, 95.0])
def test_nothing_is_learned_before_it_is_asked(since: float) -> None:
    here, there = stream(PLANTED), with_last_items_changed(stream(PLANTED), since * DAY)
    early = (here.split.questions.contexts.times < since * DAY)[here.split.questions.owner]
    first, second = ranks(here, Deltas()), ranks(there, Deltas())
    assert early.any()
    assert np.array_equal(first[early], second[early])
    assert not np.array_equal(first[~early], second[~early])


def test_events_of_one_moment_teach_nothing_about_each_other() -> None:
    """All take the new item at one moment, far more of them than are asked at once."""
    rows = [(person, 30.0 + person % 20, person % NEW, BUY, 0) for person in range(200)]
    rows += [(person, 65.0, NEW, BUY, 1) for person in range(200)] + [(200, 75.0, 0, BUY, 0)]
    here = open_stream(world(sorted(rows)), ItemTable(NEW + 1), PLAN)
    learned = learner(here)
    learned.ask(0, no_clock)
    assert len(learned.waiting) == 200
    learned.catch_up(65 * DAY)
    assert not learned.table.moved.any()
    learned.ask(here.blocks - 1, no_clock)
    assert np.flatnonzero(learned.table.moved).tolist() == [NEW]
    assert [one.items.tolist() for one in learned.waiting] == [[0]]


def test_a_basket_is_learned_when_it_is_over() -> None:
    rows: list[Row] = [(0, 1, 1, BUY, 0), (0, 10, 2, BUY, 1), (0, 14, 3, BUY, 1), (0, 20, 4, BUY, 2)]
    log = world([*rows, (1, 1, 1, BUY, 0), (1, 12, 2, BUY, 1), (1, 16, 3, BUY, 2)])
    here = open_stream(log, ItemTable(NEW + 1), StreamPlan(cut=5 * DAY, blocks=2, checkpoints=1))
    over = ends_of(log, here.split.questions.contexts)
    assert (over / DAY).tolist() == [14.0, 20.0, 12.0, 16.0]
    learned = learner(here)
    learned.ask(0, no_clock)
    learned.catch_up(14 * DAY)
    assert [(one.items.tolist(), one.over / DAY) for one in learned.waiting] == [([2, 3], 14.0)]
    assert np.flatnonzero(learned.table.moved).tolist() == [2]


def test_only_first_times_teach() -> None:
    rows: list[Row] = [(0, 1, 1, BUY, 0), (0, 2, 5, VIEW, 1), (0, 10, 1, BUY, 2), (0, 11, 5, BUY, 3)]
    here = open_stream(
        world([*rows, (0, 20, 6, BUY, 4), (0, 20, 1, BUY, 4)]),
        ItemTable(NEW + 1),
        StreamPlan(cut=5 * DAY, blocks=2, checkpoints=1),
    )
    learned = learner(here)
    for block in range(here.blocks):
        learned.ask(block, no_clock)
    learned.catch_up(np.inf)
    assert np.flatnonzero(learned.table.moved).tolist() == [6]


def test_before_anything_is_learned_answers_are_those_of_the_model() -> None:
    learned, here = learner(stream(PLANTED)), stream(PLANTED)
    asked = here.split.questions.contexts
    answers = learned.asker.answers(model(), here.split.full, asked)
    every = slice(0, len(asked))
    scores = learned.scores(answers, every, learned.levels(asked.times))
    plain = model().score_blocks(here.split.full, asked, len(asked), trend=learned.asker.trend)
    assert np.allclose(scores, next(iter(plain))[1], atol=1e-5)


def test_what_behaviour_is_like_is_told_by_the_past() -> None:
    here = stream(PLANTED)
    for block in range(here.blocks):
        asked = latest(here, block)
        full = here.split.full
        before = np.sort(full.times[full.times < here.edges[block]])
        assert MOMENTS / 2 < len(asked) <= MOMENTS
        assert set(asked.times) <= set(before[-AMONG:])
        assert (full.times[asked.ends] == asked.times).all()
        assert (
            (full.offsets[asked.people] <= asked.ends) & (asked.ends < full.offsets[asked.people + 1])
        ).all()


@pytest.mark.parametrize("live", [True, False])
def test_behaviour_from_recent_events_is_that_of_all_where_these_are_all(live: bool) -> None:
    here = stream(PLANTED)
    asker, asked = Asker.of(here, live), here.split.questions.contexts
    whole = asker.answers(model(), here.split.full, asked).h
    assert len(whole) > 100
    assert np.allclose(asker.behaviour(model(), asked, here.split.full.events), whole, atol=1e-5)
    assert not np.allclose(asker.behaviour(model(), asked, 2), whole, atol=1e-2)


def test_a_table_goes_on_beside_the_same_model_and_begins_anew_beside_another() -> None:
    here = replace(stream(PLANTED), plan=replace(PLAN, matrix=True))
    live, deltas = (run_arm(here, model(), arm, 0) for arm in (LiveState(), Deltas()))
    online, passes = (run_arm(here, model(), Online(tables=t), 0) for t in (OnlineSettings(), None))
    # Within the first block both learn the same; then only one goes on from there.
    first = (here.block == 0)[here.split.questions.owner]
    assert np.array_equal(deltas.ranks[first], online.ranks[first])
    assert not np.array_equal(deltas.ranks[first], live.ranks[first])
    assert not np.array_equal(deltas.ranks[~first], online.ranks[~first])
    # What is kept is that of the passes alone, and of the table.
    assert np.array_equal(online.matrix, passes.matrix)
    assert np.array_equal(online.final, passes.final)
    assert not np.array_equal(online.ranks, passes.ranks)
    assert np.array_equal(passes.ranks[first], live.ranks[first])
    assert np.array_equal(deltas.matrix[0, :1], live.matrix[0, :1])
    assert not np.array_equal(deltas.matrix[0], deltas.matrix[1])
    assert not np.array_equal(deltas.matrix[1], deltas.matrix[2])


def test_learning_within_a_block_is_counted() -> None:
    ticks = iter(range(10**6))
    run = run_arm(stream(PLANTED), model(), Deltas(), 0, clock=lambda: float(next(ticks)))
    # Each reading is a second after the one before: one before the block, and one each group of questions.
    groups = [-(-int((stream(PLANTED).block == block).sum()) // STEP) for block in range(2)]
    assert run.seconds.tolist() == [1.0 + groups[0], 1.0 + groups[1], 0.0]


def test_questions_come_in_the_order_that_is_asked_for() -> None:
    asked = stream(PLANTED).split.questions
    chosen = np.random.default_rng(0).permutation(len(asked))[:50]
    found, places = in_order(asked, chosen)
    assert np.array_equal(found.contexts.times, asked.contexts.times[chosen])
    assert np.array_equal(found.items, asked.items[places])
    assert np.array_equal(chosen[found.owner], asked.owner[places])
    assert (np.diff(found.owner) >= 0).all()
