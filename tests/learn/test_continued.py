"""Learning on: what is new is learned, what is old is not lost, and what holds the weights holds them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from penchant.errors import SettingsError
from penchant.evaluate.recommender import Contexts
from penchant.learn import continued
from penchant.learn.asking import main_questions
from penchant.learn.consolidate import (
    AFTER_STATE,
    CONSOLIDATIONS,
    FewParameters,
    Hold,
    Pull,
    make_consolidations,
)
from penchant.learn.continued import Known, Pace, Pass, learn_on
from penchant.learn.spans import Excerpt, Spans
from penchant.model.balance import heads_of, known_share
from penchant.model.examples import Reader
from penchant.model.histories import histories_of
from penchant.model.saving import STATEFUL, arrays_of
from penchant.model.scoring import answer
from penchant.model.settings import ModelSettings
from penchant.model.sizes import SMALL_SIDE
from penchant.model.snapshot import encoder_id_of
from penchant.model.training import train
from penchant.model.trend import TrendTable

ITEMS, DAYS = 24, 20
SMALL = ModelSettings(
    dim=16, layers=1, dropout=0.0, dropout_long=0.0, lr=0.01, max_epochs=12, batch=64, memory=4, text_dim=8,
    threads=1, patience=12,
)  # fmt: skip


def walk(rng, start: int, step: int, length: int) -> list[int]:
    """Somebody who goes round the first 12 items, or the last 12, by ``step``."""
    first, place = start // 12 * 12, start % 12
    return [first + (place + step * n) % 12 for n in range(length)]


@pytest.fixture(scope="module")
def shop():
    """Before day 10 all go forward by 1, then by 5; nobody took the last 12 items before day 10."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(160):
        early = walk(rng, int(rng.integers(12)), 1, 10) if person < 120 else []
        late = walk(rng, int(rng.integers(12, 24)), 5, 10) if person >= 80 else []
        rows.append((early, late))
    log = histories_of([early + late for early, late in rows])
    days = [np.append(np.arange(len(early)), 10 + np.arange(len(late))) for early, late in rows]
    log = replace(log, times=np.concatenate(days) * 86_400.0)
    text = np.repeat(np.eye(2), 12, axis=0) @ rng.normal(size=(2, 10)) + rng.normal(size=(ITEMS, 10))
    known = Known(log, ITEMS, text.astype(np.float32))
    since = 10 * 86_400.0
    model = train(log.before(since), known.text, SMALL, n_items=ITEMS)
    return SimpleNamespace(known=known, since=since, model=model, log=log)


def recall(shop, model, first: int) -> float:
    """Share of people whose last move within the items from ``first`` is among the best 3."""
    log = shop.log
    inside = (log.items >= first) & (log.items < first + 12)
    person = log.person_of_event()
    last = np.array([np.flatnonzero(inside & (person == p))[-1] for p in np.unique(person[inside])])
    contexts = Contexts(person[last], last, log.times[last])
    scores = np.concatenate([part for _, part in model.score_blocks(log, contexts)])
    rank = (scores > scores[np.arange(len(last)), log.items[last]][:, None]).sum(1)
    return float((rank < 3).mean())


def learned(shop, **more):
    pace = Pace(**{"lr": 0.01, "passes": 12, **more.pop("pace", {})})
    return learn_on(shop.model, Pass(shop.known, shop.since, pace, **more), seed=1)


@pytest.fixture(scope="module")
def free(shop):
    """After a pass that nothing holds."""
    return learned(shop)


def test_what_is_new_is_learned_and_with_replay_the_old_is_kept(shop) -> None:
    naive = learned(shop, pace={"replay": 0.0})
    replayed = learned(shop, pace={"replay": 1.0})
    before = recall(shop, shop.model, 0), recall(shop, shop.model, 12)
    assert before[0] > 0.9
    assert before[1] < 0.5
    assert recall(shop, naive, 12) > 0.85
    assert recall(shop, replayed, 12) > 0.85
    assert recall(shop, replayed, 0) > recall(shop, naive, 0)
    assert recall(shop, replayed, 0) > before[0] - 0.05


def test_the_model_that_was_given_is_as_it_was_and_the_seed_tells_the_outcome(shop) -> None:
    before = {name: value.copy() for name, value in arrays_of(shop.model).items()}
    one, other = learned(shop, pace={"passes": 1}), learned(shop, pace={"passes": 1})
    for name, value in arrays_of(shop.model).items():
        np.testing.assert_array_equal(value, before[name])
    for name, value in arrays_of(one).items():
        np.testing.assert_array_equal(value, arrays_of(other)[name])
    assert one.settings == shop.model.settings
    assert one.report["steps"] > 0
    assert one.counts.sum() > shop.model.counts.sum()


def test_nothing_fresh_changes_no_score(shop) -> None:
    known = replace(shop.known, histories=shop.log.before(shop.since))
    still = learn_on(shop.model, Pass(known, shop.since))
    assert recall(shop, still, 0) == recall(shop, shop.model, 0)
    assert still.report["steps"] == 0


def away(shop, model) -> float:
    """How far the weights went."""
    one, other = arrays_of(shop.model), arrays_of(model)
    names = [name for name in one if name.startswith(("encoder.", "tokens."))]
    return float(sum(np.square(one[name] - other[name]).sum() for name in names))


@pytest.mark.parametrize("name", sorted(CONSOLIDATIONS))
def test_whatever_holds_the_weights_they_go_less_far_and_learn_yet(shop, free, name) -> None:
    held = learned(shop, consolidations=make_consolidations([name]))
    assert away(shop, held) < away(shop, free)
    assert recall(shop, held, 12) > recall(shop, shop.model, 12)


def test_a_stronger_spring_holds_more(shop) -> None:
    short = {"passes": 4}
    far = [away(shop, learned(shop, consolidations=[Pull(s)], pace=short)) for s in (0.0, 0.1, 100.0)]
    assert far[0] > far[1] > far[2]


def test_the_less_of_all_is_fresh_the_less_far_a_pass_goes(shop) -> None:
    """Half of this log is fresh: a fifth is enough for a whole step, ten times as much would be."""
    paces = [{"passes": 4, "replay": 0.0, "whole": whole} for whole in (0.0, 0.2, 5.0, 50.0)]
    far = [away(shop, learned(shop, pace=pace)) for pace in paces]
    assert far[0] == far[1] > 2 * far[2] > 4 * far[3] > 0


def test_as_much_is_replayed_as_is_fresh_of_all(shop) -> None:
    asked = [
        learned(shop, pace={"passes": 1, "whole": whole}).report["questions"] for whole in (0.2, 2.0, 1e9)
    ]
    fresh = (shop.log.times >= shop.since).sum()
    assert asked[0] > asked[1] > asked[2]
    assert asked[2] <= fresh + continued.SPAN


def test_each_event_is_read_once_in_a_pass(shop) -> None:
    """A history of n events costs n of them, not n times n / 2."""
    job = Pass(shop.known, shop.since, Pace(replay=0.0))
    course = continued._course(
        continued._student(shop.model, shop.known, 0.01), job, np.random.default_rng(0)
    )
    batches = course.lessons.batches([course.part], np.random.default_rng(0))
    assert sum(batch.lengths.sum() for batch, _, _ in batches) <= course.read.histories.events


def test_batches_are_full_but_where_steps_would_be_too_few(shop) -> None:
    few, many = (
        learned(shop, pace={"passes": 1, "replay": 0.0, "steps": steps}).report for steps in (1, 1000)
    )
    full = few["questions"] / SMALL.batch
    assert full <= few["steps"] <= 1.5 * full
    people = len(np.unique(shop.log.person_of_event()[shop.log.times >= shop.since]))
    assert many["steps"] >= people // SMALL_SIDE


def test_a_batch_of_those_with_many_events_is_no_larger_than_others() -> None:
    rng = np.random.default_rng(3)
    lengths = np.append(np.ones(2_000, int), np.full(20, 40))
    log = histories_of([rng.integers(0, 9, length).tolist() for length in lengths])
    read = Excerpt.of(
        log, Spans(np.arange(len(lengths)), log.offsets[:-1], log.offsets[:-1], log.offsets[1:])
    )
    reading = continued._reading(read, ModelSettings(batch=128), 16)
    batches = Reader(log, 0).windows(read.questions, reading.size, reading.window, rng, reading.most)
    asked = np.array([len(batch.questions) for batch in batches])
    assert asked.sum() == len(read.questions)
    assert asked.max() <= max(1.5 * np.median(asked), 50)
    assert np.median(asked) > 30


def test_elastic_weights_know_what_mattered_however_little_is_replayed(shop) -> None:
    """Of a whole that is never reached next to nothing is replayed."""
    pace = Pace(lr=0.01, whole=1e6)
    seen = []

    class Elastic:
        def hold(self, net, old):
            seen.append(sum(len(lesson.answers) for lesson in old))
            return Hold()

    learn_on(shop.model, Pass(shop.known, shop.since, pace, consolidations=[Elastic()]))
    assert seen[0] > 100


def test_what_comes_after_the_state_alone_keeps_every_state(shop) -> None:
    """Items that nobody had are read by their neighbours' vectors, and these stay."""
    head = learned(shop, consolidations=[FewParameters()], pace={"passes": 1})
    one, other = arrays_of(shop.model), arrays_of(head)
    assert encoder_id_of(one, ("encoder.", "tokens.", "start")) == encoder_id_of(
        other, ("encoder.", "tokens.", "start")
    )
    assert not np.array_equal(one["repeat.hidden.weight"], other["repeat.hidden.weight"])
    assert all(not prefix.startswith(STATEFUL) for prefix in AFTER_STATE)


def test_an_unknown_way_is_told() -> None:
    with pytest.raises(SettingsError, match="elastic"):
        make_consolidations(["rubber"])


def test_the_row_of_an_item_that_nobody_took_stays(shop) -> None:
    """With nothing replayed nobody takes the first 12 items in the pass."""
    log = shop.log.keep((shop.log.times < shop.since) | (shop.log.items >= 12))
    after = learn_on(
        shop.model, Pass(replace(shop.known, histories=log), shop.since, Pace(lr=0.01, replay=0.0))
    )
    rows = [one.net.items.folded()[0] for one in (shop.model, after)]
    share = np.linalg.norm(rows[1] - rows[0], axis=1) / np.linalg.norm(rows[0], axis=1).mean()
    assert share[:12].max() < 0.08 < share[12:].min()


def test_known_things_keep_their_share_of_the_head(shop, free) -> None:
    asked = main_questions(shop.log)
    asked = asked.take(np.flatnonzero(asked.times >= shop.since))
    trend = TrendTable.of(shop.log)

    def share(model) -> float:
        answers = answer(model.net, shop.log, asked, trend)
        return known_share(heads_of(answers, model.item_scores(), trend))

    assert share(free) == pytest.approx(share(shop.model), abs=0.04)


@pytest.mark.parametrize("context", [1000, 3])
def test_two_models_are_compared_by_what_the_pass_reads_and_all_that_was_taken(shop, context) -> None:
    job = Pass(shop.known, shop.since, Pace(context=context, replay=0.0))
    course = continued._course(
        continued._student(shop.model, shop.known, 0.01), job, np.random.default_rng(0)
    )
    home = course.read.at_home(course.newest)
    found = continued._answers(shop.model, course, continued._Newest.of(course, shop.log))
    whole = answer(shop.model.net, shop.log, home, course.lessons.trend)
    assert len(home) > 100
    for name in ("times", "events", "offsets", "items"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    for name in ("h", "again"):
        assert np.allclose(getattr(found, name), getattr(whole, name), atol=1e-5) == (context == 1000)
