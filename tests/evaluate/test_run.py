"""The whole evaluation with models of known quality."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from evaluation_worlds import BUY, VIEW, shop, world

from penchant.errors import InvalidInput
from penchant.evaluate.baselines import PersonalFrequency, Popular, baselines
from penchant.evaluate.protocols import time_split
from penchant.evaluate.ranked import rank_questions
from penchant.evaluate.recommender import Contexts, ItemTable, Scores, Training, blocks
from penchant.evaluate.result import Seconds, read_evaluation
from penchant.evaluate.run import PROTOCOLS, Plan, compare, evaluate, make_splits
from penchant.evaluate.segments import segments
from penchant.evaluate.summary import Sampling
from penchant.metrics import tie_order
from penchant.model.histories import Histories

ITEMS = ItemTable(30)
QUICK = Sampling(draws=100)


class Scripted:
    """Gives the scores that a function of histories and one context makes."""

    def __init__(self, name: str, score) -> None:
        self.name, self._score, self.fitted = name, score, []

    def fit(self, training: Training) -> None:
        self.fitted.append(training)

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        for rows in blocks(len(contexts), block):
            ends = contexts.ends[rows]
            yield rows, np.stack([self._score(histories, int(end)) for end in ends]).astype(np.float32)


def all_knowing(histories: Histories, end: int) -> np.ndarray:
    basket = (histories.baskets == histories.baskets[end]) & (histories.items >= 0)
    likely = np.bincount(histories.items[basket], minlength=ITEMS.count).clip(max=1)
    likely[histories.items[end]] += 1  # "successive" asks the items of a basket one by one
    return likely


def guessing(histories: Histories, end: int) -> np.ndarray:
    return np.random.default_rng(end).random(ITEMS.count)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_knows_the_answers_is_perfect_and_who_guesses_is_not(protocol: str) -> None:
    models = [Scripted("oracle", all_knowing), Scripted("chance", guessing)]
    found = evaluate(shop(people=60), ITEMS, models, Plan(protocol, sampling=QUICK))
    assert found.models["oracle"]["ndcg@20"].value == pytest.approx(1.0)
    assert found.models["oracle"]["mrr@20"].value == pytest.approx(1.0)
    chance = found.models["chance"]["recall@10"]
    assert 0.25 < chance.value < 0.5  # about 10 of 30, a little more where seen items are left out
    apart = found.differences["oracle - chance"]["ndcg@10"]
    assert apart.low > 0.2
    assert apart.low <= apart.value <= apart.high
    for group in found.segments.values():
        assert group.models["oracle"]["hit@20"].value == pytest.approx(1.0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_result_is_json_as_promised_and_comes_back(protocol: str) -> None:
    found = evaluate(shop(people=30), ITEMS, baselines(), Plan(protocol, sampling=QUICK), dataset="a shop")
    plain = msgspec.json.decode(found.json())
    assert (plain["protocol"], plain["dataset"]) == (protocol, "a shop")
    for name in ("popular", "popular-7-days", "personal-frequency", "item-knn"):
        for metric in ("recall", "ndcg", "mrr"):
            for k in (1, 5, 10, 20):
                one = plain["models"][name][f"{metric}@{k}"]
                assert one["low"] <= one["value"] <= one["high"]
        assert {"coverage@10", "novelty@10", "popular-1%@10"} <= set(plain["models"][name])
    assert read_evaluation(found.json()) == found


def test_the_same_evaluation_twice_is_the_same() -> None:
    first, second = (evaluate(shop(), ITEMS, baselines(), Plan(sampling=QUICK)) for _ in range(2))
    assert (first.models, first.segments, first.periods) == (second.models, second.segments, second.periods)


def test_prequential_trains_before_each_block_and_only_on_what_came_before() -> None:
    model = Scripted("watched", guessing)
    found = evaluate(shop(people=40), ITEMS, [model], Plan("prequential", blocks=3, sampling=QUICK))
    assert len(model.fitted) == len(found.periods) == 3
    for training, period in zip(model.fitted, found.periods, strict=True):
        assert training.histories.times.max() < period.start
    assert sum(period.n.questions for period in found.periods) == found.counts["questions"]


def test_leave_one_out_hands_validation_over_and_the_others_do_not() -> None:
    model = Scripted("watched", guessing)
    evaluate(shop(), ITEMS, [model], Plan("leave-one-out", sampling=QUICK))
    evaluate(shop(), ITEMS, [model], Plan("time-split", sampling=QUICK))
    assert model.fitted[0].validation is not None
    assert model.fitted[1].validation is None


def test_seen_items_of_the_same_type_are_left_out_but_never_the_answer() -> None:
    rows = [(0, 0, 1, BUY, 0), (0, 1, 2, VIEW, 1), (0, 2, 3, BUY, 2), (0, 3, 1, BUY, 3), (0, 4, 5, BUY, 4)]
    model = Scripted("fixed", lambda histories, end: np.array([0, 9, 8, 7, 1, 5]))
    histories = world(rows)
    found = evaluate(histories, ItemTable(6), [model], Plan("leave-one-out", sampling=QUICK))
    # 1 and 3 were bought: left out. 2 was only seen: it stays, and stands before 5.
    assert found.models["fixed"]["mrr@10"].value == pytest.approx(1 / 2)
    again = world([*rows[:4], (0, 4, 3, BUY, 4)])
    found = evaluate(again, ItemTable(6), [model], Plan("leave-one-out", sampling=QUICK))
    assert found.models["fixed"]["mrr@10"].value == pytest.approx(1 / 2)  # behind 2; 1 is left out


def test_segments_by_hand() -> None:
    rows = [
        (0, 0, 1, BUY, 0),
        (0, 1, 2, BUY, 1),
        (0, 100, 1, BUY, 2),
        (0, 100, 3, BUY, 2),
        (1, 101, 1, BUY, 3),
        (1, 102, 1, BUY, 4),
    ]
    split = time_split(world(rows))
    found = segments(split, 5)
    assert split.questions.items.tolist() == [1, 3, 1, 1]
    assert found["repeat"].tolist() == [True, False, False, True]
    assert found["first-time"].tolist() == [False, True, True, False]
    assert found["new-users"].tolist() == [False, False, True, True]
    assert found["new-items"].tolist() == [False, True, False, False]
    assert found["history-0"].tolist() == [False, False, True, False]
    assert found["history-1-to-4"].tolist() == [True, True, False, True]


def test_repeats_are_what_personal_frequency_is_good_at() -> None:
    found = evaluate(shop(people=80), ITEMS, [PersonalFrequency(), Popular()], Plan(sampling=QUICK))
    assert (
        found.segments["repeat"].n.relevant + found.segments["first-time"].n.relevant
        == found.counts["relevant"]
    )
    assert found.segments["repeat"].models["personal-frequency"]["ndcg@5"].value > 0.3
    difference = found.segments["repeat"].differences["personal-frequency - popular"]["ndcg@5"]
    assert difference.low > 0


def test_a_model_that_gives_nan_skips_questions_or_goes_out_of_order_is_refused() -> None:
    split = time_split(shop())
    broken = Scripted("broken", lambda histories, end: np.full(30, np.nan))
    with pytest.raises(InvalidInput, match="NaN"):
        rank_questions(broken, split, 5, tie_order(30))

    class Short(Scripted):
        def score_blocks(self, histories, contexts, block):
            yield slice(0, 1), np.zeros((1, 30), np.float32)

    with pytest.raises(InvalidInput, match="answered 1 of"):
        rank_questions(Short("short", guessing), split, 5, tie_order(30))

    class Late(Scripted):
        def score_blocks(self, histories, contexts, block):
            yield slice(1, 2), np.zeros((1, 30), np.float32)

    with pytest.raises(InvalidInput, match="in order"):
        rank_questions(Late("late", guessing), split, 5, tie_order(30))


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(InvalidInput, match="choose one of leave-one-out"):
        evaluate(shop(), ITEMS, [Popular()], Plan("random-split"))
    with pytest.raises(InvalidInput, match="has no cut"):
        evaluate(shop(), ITEMS, [Popular()], Plan("leave-one-out", cut=1.0))
    with pytest.raises(InvalidInput, match="different names"):
        evaluate(shop(), ITEMS, [Popular(), Popular()], Plan())
    with pytest.raises(InvalidInput, match="catalogue has 3 items"):
        evaluate(shop(), ItemTable(3), [Popular()], Plan())


def test_progress_and_seconds_are_told() -> None:
    told: list[tuple[str, float]] = []
    ticks = iter(range(100))
    found = evaluate(
        shop(),
        ITEMS,
        [Popular()],
        Plan(sampling=QUICK),
        progress=lambda what, done: told.append((what, done)),
        clock=lambda: float(next(ticks)),
    )
    assert told[0] == ("training popular, time-split", 0.0)
    assert ("asking popular, time-split", 1.0) in told
    assert (found.seconds["popular"].fit, found.seconds["popular"].score) == (1.0, 1.0)


def test_several_runs_give_their_mean_and_each_ones_figure() -> None:
    plan = Plan(sampling=QUICK)
    histories = shop(people=40)
    splits = make_splits(histories, plan)
    ties = tie_order(30)

    def asked(score):
        return rank_questions(Scripted("x", score), splits[0], 20, ties)

    seconds = {name: Seconds(fit=1.0, score=1.0) for name in ("mixed", "oracle")}
    answers = {"mixed": [asked(all_knowing), asked(guessing)], "oracle": [asked(all_knowing)]}
    found = compare(splits, answers, seconds, plan=plan, items=ITEMS)
    assert set(found.runs) == {"mixed"}
    first, second = (run["ndcg@10"] for run in found.runs["mixed"])
    assert first == pytest.approx(1.0)
    assert found.models["mixed"]["ndcg@10"].value == pytest.approx((first + second) / 2)
    assert found.models["mixed"]["coverage@10"].value > 0
    assert read_evaluation(found.json()) == found


def test_rare_hits_weigh_more_in_the_debiased_metrics() -> None:
    found = evaluate(
        shop(people=60), ITEMS, [Popular(), Scripted("oracle", all_knowing)], Plan(sampling=QUICK)
    )
    popular = found.models["popular"]
    assert popular["ips-recall@10"].value < popular["recall@10"].value
    assert found.models["oracle"]["ips-recall@20"].value == pytest.approx(1.0)
