"""Replaying a log as a stream: nothing is learned before it is asked, and the figures mean what they say."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from evaluation_worlds import BUY, DAY, VIEW, world

from penchant import cli
from penchant.app.shop import Shop, init_shop
from penchant.errors import InvalidInput
from penchant.evaluate.arms import ARMS, Arm, Turn, make_arms
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.stream import first_model, run_arm, run_stream
from penchant.evaluate.stream_asking import NDCG, ArmRun, quality
from penchant.evaluate.stream_cut import Stream, StreamPlan, open_stream
from penchant.evaluate.stream_report import stream_html
from penchant.evaluate.stream_result import Mark, StreamResult, read_stream
from penchant.evaluate.stream_summary import BACK, groups, pauses, ratio, summarise_stream
from penchant.learn.continued import Known, Pace, Pass, learn_on
from penchant.model.histories import Histories
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.simulated import SimulatedSettings, SimulatedShop

TINY = ModelSettings(dim=8, layers=1, text_dim=8, memory=4, threads=1, max_epochs=1)
SHOP = SimulatedShop(SimulatedSettings(people=250, items=120, interests=8, events=3_000))
LOG = SHOP.draw()
CUT = float(LOG.times.min() + 0.5 * (LOG.times.max() - LOG.times.min()))
PLAN = StreamPlan(cut=CUT, blocks=3, checkpoints=1)
LAST = 2
MIDDLE = float((5 * LOG.times.max() + CUT) / 6)
"""Of the last block."""


def stream(log: Histories = LOG, plan: StreamPlan = PLAN) -> Stream:
    return open_stream(log, SHOP.table(), plan)


@cache
def base() -> PreferenceModel:
    return first_model(stream(), TINY, 0)[0]


@cache
def found() -> StreamResult:
    """Every arm, with matrices."""
    here = stream()
    runs = {name: [run_arm(here, base(), arm, 0)] for name, arm in zip(ARMS, make_arms([*ARMS]), strict=True)}
    return summarise_stream(here, runs, [1.0])


def with_other_items(log: Histories, rows: np.ndarray) -> Histories:
    """The same log, but what was bought in ``rows`` (E,) went to other buyers of those rows."""
    items = log.items.copy()
    items[rows] = np.random.default_rng(1).permutation(items[rows])
    return replace(log, items=items)


def values(here: Stream, arm: Arm) -> np.ndarray:
    """NDCG@10 of every question, without a matrix."""
    plain = replace(here, plan=replace(here.plan, matrix=False))
    return quality(plain, run_arm(plain, base(), arm, 0).ranks)[NDCG]


def looks_ahead(arm: Arm, other: Arm) -> bool:
    """Whether answers change when only the future does; ``other`` is the arm in the other future.

    The future begins in the middle of the last block, so that a look at the rest of a block shows too.
    """
    here = stream()
    there = stream(with_other_items(LOG, LOG.times >= MIDDLE))
    early = here.split.questions.contexts.times < MIDDLE
    first, second = values(here, arm)[early], values(there, other)[early]
    assert (~np.isnan(first)).any()
    return not np.array_equal(first, second, equal_nan=True)


@dataclass(frozen=True)
class Peeking:
    """Learns from the whole log, and so from what it is about to be asked."""

    log: Histories
    name, live, learns, tables = "peeking", True, True, None

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel:
        everything = Known(self.log, turn.known.n_items, turn.known.text, prices=turn.known.prices)
        return learn_on(model, Pass(everything, turn.fresh, Pace(lr=0.01)), 0)


@pytest.mark.parametrize("name", ARMS)
def test_no_arm_knows_what_comes(name: str) -> None:
    (arm,) = make_arms([name])
    assert not looks_ahead(arm, arm)


def test_an_arm_that_sees_the_answers_is_caught() -> None:
    assert looks_ahead(Peeking(LOG), Peeking(with_other_items(LOG, LOG.times >= MIDDLE)))


def test_turns_hold_all_of_the_past_and_nothing_else() -> None:
    here = stream(plan=replace(PLAN, blocks=5, checkpoints=2))
    assert here.checkpoints == (2, 3)
    for block in range(5):
        turn = here.turn(block, 0)
        assert turn.known.histories.events == (LOG.times < here.edges[block]).sum()
        assert turn.fresh == here.edges[max(block - 1, 0)]
    assert here.turn(5, 0).known.histories.events == LOG.events
    assert [here.turn(block, 0).checkpoint for block in range(6)] == [False, False, True, True, False, True]
    assert [here.turn(block, 0).older for block in (2, 3, 4, 5)] == [*here.edges[[0, 2, 3, 3]]]


def test_frozen_never_looks_past_the_cut() -> None:
    here = stream()
    there = stream(with_other_items(LOG, (LOG.times >= CUT) & (LOG.times < here.edges[LAST])))
    last, (frozen, live) = here.block == LAST, make_arms(["frozen", "live-state"])
    assert np.array_equal(values(here, frozen)[last], values(there, frozen)[last])
    assert not np.array_equal(values(here, live)[last], values(there, live)[last])


def test_joint_retraining_is_asked_only_at_its_checkpoints() -> None:
    joint = found().arms["joint-retrain"]
    asked = [block[NDCG].value is not None for block in joint.blocks]
    assert asked == [block.checkpoint for block in found().blocks] == [False, False, True]
    assert joint.metrics == joint.checkpoints
    assert joint.kept is None
    assert joint.to_joint == 1.0


def test_the_diagonal_is_the_stream_itself() -> None:
    for name in ("deltas", "online", "naive", "warm-retrain"):
        arm = found().arms[name]
        assert arm.kept is not None
        own = [block[NDCG].value for block in arm.blocks]
        same = np.allclose([arm.kept.matrix[k][k] for k in range(3)], own)  # type: ignore[arg-type]
        assert same == (name in {"naive", "warm-retrain"})  # the others learn within blocks too
        live = [block[NDCG].value for block in found().arms["live-state"].blocks]
        assert np.allclose(arm.kept.matrix[0], live)  # type: ignore[arg-type]
        assert not np.allclose(arm.kept.matrix[3], live)  # type: ignore[arg-type]


def test_segments_share_out_all_that_was_taken() -> None:
    masks = groups(stream())
    people = [masks[name] for name in (BACK, "new-people", "regulars")]
    assert (np.sum(people, axis=0) == 1).all()
    assert (masks["new-items"] ^ masks["old-items"]).all()
    n = found().counts["relevant"]
    assert sum(found().segments[name].relevant for name in (BACK, "new-people", "regulars")) == n


def test_a_pause_is_that_before_the_visit() -> None:
    log = world([
        (0, 0, 1, BUY, 1), (0, 100, 2, VIEW, 2), (0, 100.5, 2, BUY, 3),  # looked around, then bought
        (1, 98, 1, BUY, 1), (1, 99.5, 2, BUY, 2), (1, 130, 1, BUY, 3),
        (2, 110, 3, BUY, 1),  # new
    ])  # fmt: skip
    here = open_stream(log, ItemTable(4), StreamPlan(cut=99 * DAY, blocks=2, checkpoints=1))
    assert (pauses(here) / DAY).tolist() == [100.0, 1.5, 30.5, 0.0]
    masks = groups(here)
    assert masks[BACK].tolist() == [True, False, False, False]
    assert masks["new-people"].tolist() == [False, False, False, True]
    assert masks["new-items"].tolist() == [True, True, False, True]


def test_a_block_without_questions_joins_the_one_before() -> None:
    log = world([(0, day, 1, BUY, day) for day in (0, 10, 11, 29, 40)])
    here = open_stream(log, ItemTable(2), StreamPlan(cut=10 * DAY, blocks=3, checkpoints=1))
    assert (here.edges / DAY).tolist() == [10.0, 20.0, 30.0, 40.0]
    sparse = open_stream(log, ItemTable(2), StreamPlan(cut=10 * DAY, blocks=6, checkpoints=1))
    assert (sparse.edges / DAY).tolist() == [10.0, 25.0, 35.0, 40.0]
    assert sparse.block.tolist() == [0, 0, 1, 2]


def made(here: Stream, ranks: int, after: int = 1, final: int = 1) -> ArmRun:
    """A run in which every answer has one rank."""
    n, blocks = len(here.split.questions.items), here.blocks
    full = [np.full(n, value, np.int32) for value in (ranks, after, final)]
    return ArmRun(full[0], full[1], full[2], np.zeros((blocks + 1, blocks)), np.ones(blocks + 1))


def test_figures_are_means_over_seeds_and_ratios_of_means() -> None:
    log = world([(person, day, person, BUY, day) for person in range(3) for day in (0, 10, 20, 30)])
    here = open_stream(log, ItemTable(3), StreamPlan(cut=5 * DAY, blocks=2, checkpoints=1))
    second = 1 / np.log2(3)
    runs = {"online": [made(here, 1), made(here, 2)], "naive": [made(here, 2, 1, 2)] * 2}
    result = summarise_stream(here, runs, [2.0, 4.0])
    value = result.arms["online"].metrics[NDCG].value
    assert value == pytest.approx((1 + second) / 2)
    assert [run[NDCG] for run in result.arms["online"].runs] == pytest.approx([1.0, second])
    (one,) = [one for one in result.ratios if (one.second, one.where) == ("naive", "all")]
    assert [one.value, one.low, one.high] == pytest.approx([(1 + second) / 2 / second] * 3)
    kept = result.arms["naive"].kept
    assert kept is not None
    assert kept.transfer["backward"].value == pytest.approx(second - 1)
    assert result.arms["online"].kept.transfer["backward"].value == 0  # type: ignore[union-attr]
    assert (result.first_seconds, result.arms["online"].seconds) == (3.0, 2.0)


def test_a_ratio_is_paired_by_person() -> None:
    rng = np.random.default_rng(0)
    second, people = rng.uniform(0.1, 1, 200), np.repeat(np.arange(50), 4)
    apart = ratio(0.9 * second, rng.permutation(second), people)
    paired = ratio(np.where(rng.random(200) < 0.1, np.nan, 0.9 * second), second, people)
    assert paired.value == pytest.approx(0.9)
    assert (paired.low, paired.high) == pytest.approx((0.9, 0.9))
    assert apart.high - apart.low > 0.05  # type: ignore[operator]


def test_only_learning_is_counted() -> None:
    class Clock:
        now = 0.0

    class Slow:
        name, live, learns, tables = "slow", True, False, None

        def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel:
            Clock.now += 5.0 * turn.block
            return model

    def told(what: str, share: float) -> None:
        Clock.now += 100.0

    run = run_arm(stream(), base(), Slow(), 0, clock=lambda: Clock.now, tell=told)
    assert run.seconds.tolist() == [0.0, 5.0, 10.0, 0.0]


def test_json_comes_back_as_it_was() -> None:
    marked = msgspec.structs.replace(found(), marks=[Mark(time=CUT, arm="online", kind="alarm", text="new")])
    assert read_stream(marked.json()) == marked


def test_the_page_names_every_arm_and_is_well_formed() -> None:
    odd = msgspec.structs.replace(
        found(), dataset="<b>&", marks=[Mark(time=CUT + DAY, arm="online", kind="refusal", text="worse <1>")]
    )
    page = stream_html(odd)
    root = ElementTree.fromstring(page)
    cells = {"".join(cell.itertext()) for cell in root.iter("th")}
    assert set(ARMS) <= cells
    labels = [figure.get("aria-label", "") for figure in root.iter("figure")]
    assert labels == [
        "ndcg@10 of each arm over time", "hit@10 of each arm over time",
        "matrix of deltas", "matrix of online", "matrix of warm-retrain", "matrix of naive",
    ]  # fmt: skip
    assert "<b>&" not in page
    assert "worse &lt;1&gt;" in page


def test_a_wrong_plan_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match="unknown arm 'offline': choose from frozen, live-state"):
        run_stream(LOG, SHOP.table(), replace(PLAN, arms=("offline",)), TINY)
    with pytest.raises(InvalidInput, match="each once"):
        make_arms(["online", "online"])
    with pytest.raises(InvalidInput, match="fewer checkpoints than blocks"):
        StreamPlan(blocks=4, checkpoints=4)
    say = ["evaluate", "--shop", str(tmp_path / "none")]
    assert cli.main([*say, "--protocol", "prequential", "--arms", "offline"]) == 1
    assert "unknown arm 'offline'" in capsys.readouterr().err
    assert cli.main([*say, "--arms", "online"]) == 1
    assert "use --protocol prequential" in capsys.readouterr().err


def test_the_command_replays_a_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    shop, rng = tmp_path / "shop", np.random.default_rng(0)
    init_shop(shop, more="[train]\nmax_epochs = 1\ndim = 8\nlayers = 1\ntext_dim = 8\nthreads = 1\n")
    rows = [
        f"u{person},i{rng.integers(30)},purchase,{1.7e9 + DAY * day:.0f}"
        for person in range(50)
        for day in np.sort(rng.choice(100, 12, replace=False))
    ]
    (tmp_path / "events.csv").write_text("user_id,item_id,type,timestamp\n" + "\n".join(rows))
    (tmp_path / "items.csv").write_text("item_id,title\n" + "\n".join(f"i{n},tea {n}" for n in range(30)))
    place = ["--shop", str(shop)]
    assert cli.main(["import", str(tmp_path / "items.csv"), str(tmp_path / "events.csv"), *place]) == 0
    capsys.readouterr()
    say = ["evaluate", "--protocol", "prequential", "--arms", "live-state,online", "--json", *place]
    assert cli.main([*say, "--blocks", "3", "--checkpoints", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["arms"]) == ["live-state", "online"]
    assert len(told["blocks"]) == 3
    kept = read_stream((shop / "reports" / "learning.json").read_bytes())
    assert msgspec.to_builtins(kept) == told
    assert "live-state" in (shop / "reports" / "learning.html").read_text("utf-8")
