"""Models and peers on the same questions: what is passed on, what is kept, what is shown."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from penchant.evaluate.baselines import ItemKnn, Popular, RecentlyPopular
from penchant.evaluate.protocols import leave_one_out, successive
from penchant.evaluate.ranked import leave_out_seen, rank_questions
from penchant.evaluate.recommender import ItemTable, Training
from penchant.evaluate.result import Seconds
from penchant.evaluate.run import Plan, compare, make_splits
from penchant.metrics import list_ranks, relevance_metrics, tie_order, top_lists
from penchant.model.histories import histories_of

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    """The bench's modules, which find each other as when they are run."""
    monkeypatch.syspath_prepend(str(BENCH))
    before = set(sys.modules)
    import grids
    import kept
    import quality
    import runs
    import tables
    import tasks

    yield type(
        "Bench",
        (),
        {
            "grids": grids,
            "kept": kept,
            "quality": quality,
            "runs": runs,
            "tables": tables,
            "tasks": tasks,
        },
    )
    for name in set(sys.modules) - before:
        if "bench" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def random_histories(people=30, items=15):
    rng = np.random.default_rng(0)
    return histories_of([rng.integers(0, items, rng.integers(3, 9)).tolist() for _ in range(people)])


def test_peers_and_our_models_leave_out_the_same_items(bench) -> None:
    split = leave_one_out(random_histories())
    scores = np.random.default_rng(1).random((len(split.questions), 15)).astype(np.float32)
    ours = scores.copy()
    leave_out_seen(ours, split, slice(0, len(scores)))
    theirs = bench.tasks.exchange.top(scores, bench.tasks.banned(split, split.questions), 0)
    assert theirs.tolist() == top_lists(ours, 20, tie_order(15)).tolist()


def test_nothing_is_left_out_where_things_are_taken_again(bench) -> None:
    split = successive(random_histories())
    assert not split.leave_out_seen
    assert bench.tasks.banned(split, split.questions).shape == (0, 2)


def test_a_task_comes_back_as_it_was_and_knows_no_test_answer(bench, tmp_path) -> None:
    exchange, split = bench.tasks.exchange, leave_one_out(random_histories())
    text = np.ones((15, 3), np.float32)
    exchange.save(tmp_path, bench.tasks.task_of(split, 15, text, tuning=False))
    task = exchange.load(tmp_path)
    assert len(task.asked) == len(split.questions)
    assert not len(task.asked.items)
    assert task.valid.items.tolist() == split.validation.items.tolist()
    assert task.full.items.tolist() == split.full.items.tolist()
    assert task.text.tolist() == text.tolist()
    assert (
        bench.tasks.task_of(split, 15, None, tuning=True).valid.items.tolist()
        == split.questions.items.tolist()
    )


def test_peers_stop_by_the_metric_that_is_reported(bench) -> None:
    exchange, split = bench.tasks.exchange, leave_one_out(random_histories())
    asked = bench.tasks.task_of(split, 15, None, tuning=True).valid
    lists = exchange.answer(
        asked,
        lambda rows: np.random.default_rng(2).random((len(rows), 15)).astype(np.float32),
        15,
        np.ones(15),
    )
    ranks = list_ranks(lists, split.questions.owner, split.questions.items)
    expected = relevance_metrics(ranks, split.questions.owner, len(asked), [10])["ndcg@10"].mean()
    assert exchange.ndcg(lists, asked) == pytest.approx(expected)
    some = np.arange(0, len(asked), 2)
    assert exchange.ndcg(lists[some], asked.take(some)) == pytest.approx(
        relevance_metrics(ranks[some], np.arange(len(some)), len(some), [10])["ndcg@10"].mean()
    )


def test_a_question_of_which_a_model_says_nothing_gets_popular_items(bench) -> None:
    exchange, split = bench.tasks.exchange, leave_one_out(random_histories())
    asked = bench.tasks.task_of(split, 15, None, tuning=False).asked
    asked = exchange.Asked(asked.people, asked.ends, asked.times, asked.banned[:0], asked.owner, asked.items)
    lists = exchange.answer(
        asked, lambda rows: np.zeros((len(rows), 15), np.float32), 15, np.arange(15, dtype=np.float32)
    )
    assert lists[0, :3].tolist() == [14, 13, 12]


def test_what_is_known_when_asked_is_the_end_of_the_persons_own_events(bench) -> None:
    exchange, split = bench.tasks.exchange, leave_one_out(histories_of([[1, 2, 3, 4], [5, 6, 7]]))
    task = bench.tasks.task_of(split, 8, None, tuning=False)
    owner, events = exchange.history_matrix(task.full, task.wanted(task.full, False), task.asked, 2)
    assert owner.tolist() == [0, 0, 1, 1]
    assert task.full.items[events].tolist() == [2, 3, 5, 6]


def test_every_peer_has_settings_to_try(bench) -> None:
    for peer in bench.grids.PEERS:
        found = bench.grids.grid(peer, n_items=10, several_types=True, baskets=True, text=True)
        assert len({str(setting) for setting in found}) == len(found) > 1
    assert not bench.grids.grid("sasrec-text", n_items=10, several_types=False, baskets=False, text=False)


def world(bench, tmp_path, told):
    folder = tmp_path / "shop"
    folder.mkdir()
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    rows = [(f"u{p}", f"i{rng.integers(0, 9)}", "purchase", 100 * n) for p in range(12) for n in range(5)]
    names = ("user_id", "item_id", "type", "timestamp")
    pq.write_table(
        pa.Table.from_pylist([dict(zip(names, r, strict=True)) for r in rows]), folder / "events.parquet"
    )
    plan = Plan("leave-one-out", on="validation")
    return bench.runs.world(str(folder), plan, tmp_path, threads=1, venv=tmp_path, tell=told.append)


@pytest.mark.slow
def test_a_run_is_done_once_and_found_again(bench, tmp_path) -> None:
    told: list[str] = []
    here = world(bench, tmp_path, told)
    first = bench.runs.own_run(here, "personal-frequency", {}, 0)
    again = bench.runs.own_run(here, "personal-frequency", {}, 0)
    assert told == ["running personal-frequency seed 0"]
    assert first.lists.tolist() == again.lists.tolist()
    assert first.report["peak_mib"] > 10
    found = bench.runs.ranked(first, here.splits)
    assert len(found.lists) == 12
    assert found.ranks.min() >= 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="not Linux")
def test_the_memory_of_a_small_child_of_a_large_process_is_small(bench) -> None:
    held = np.ones(60_000_000)
    command = [sys.executable, "-c", "from exchange import peak_mib; print(peak_mib())"]
    env = {"PYTHONPATH": str(BENCH / "peers"), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert 5 < float(found.stdout) < held.nbytes / 2**20 / 2


def test_without_the_peers_environment_there_is_one_line(bench, tmp_path) -> None:
    here = world(bench, tmp_path, [])
    with pytest.raises(SystemExit, match=r"run bench/peers/setup.sh"):
        bench.runs.tuned(here, "als")


def test_the_time_to_where_the_best_trained_peer_ends(bench) -> None:
    def curve(*points):
        return {"curve": [{"wall": wall, "validation": value} for wall, value in points]}

    theirs = {"curve": [{"wall": 100.0, "ndcg@10": 0.04}, {"wall": 200.0, "ndcg@10": 0.06}]}
    costs = {
        "sasrec": [theirs],
        "recurrent": [curve((20.0, 0.05), (50.0, 0.07))],
        "lstm": [curve((9.0, 0.01))],
    }
    lines = bench.tables.pace(costs)
    assert "0.0600, after 200 s" in lines[0]
    assert "recurrent is there after 50 s, 0.25 of it" in lines[1]
    assert "lstm does not get there" in lines[2]
    assert bench.tables.pace({"recurrent": costs["recurrent"]}) == []
    kept = costs | {"sasrec": [theirs | {bench.kept.KEPT: True}]}
    assert bench.tables.pace(kept) == [], "seconds of another command"


def evaluated(recommenders, histories):
    """Baselines on the last of each person's events, as ``quality.py`` keeps them."""
    plan = Plan("leave-one-out")
    splits = make_splits(histories, plan)
    items = ItemTable(15)
    ranked = {}
    for name, model in recommenders.items():
        model.fit(Training(splits[0].train, items, splits[0].target, splits[0].full, None))
        ranked[name] = [rank_questions(model, splits[0], 10, tie_order(items.count))]
    seconds = dict.fromkeys(ranked, Seconds(fit=1.0, score=1.0))
    return compare(splits, ranked, seconds, plan=plan, items=items, dataset="drawn")


def test_rows_that_do_not_run_are_kept_and_marked(bench, tmp_path) -> None:
    histories = random_histories()
    both = evaluated({"popular": Popular(), "item-knn": ItemKnn()}, histories)
    (tmp_path / "it.json").write_bytes(both.json())
    report = {"fit": {"wall": 1.0, "processor": 1.0}, "peak_mib": 1.0}
    costs = {"popular": [report], "item-knn": [report]}
    (tmp_path / "it.runs.json").write_text(json.dumps(costs), encoding="utf-8")
    anew = evaluated({"popular": RecentlyPopular()}, histories)
    found, spent = bench.kept.with_kept(anew, {"popular": [report]}, tmp_path, "it")
    assert found.models == {"popular": anew.models["popular"], "item-knn": both.models["item-knn"]}
    assert not found.differences, "a difference between a kept row and a new one is not known"
    assert found.segments.keys() == both.segments.keys()
    for label, part in found.segments.items():
        assert part.models["item-knn"] == both.segments[label].models["item-knn"]
    rows = bench.tables.rows(found, spent)
    assert {row[0] for row in rows} == {"popular", "item-knn †"}


def test_rows_of_other_questions_are_not_kept(bench, tmp_path) -> None:
    old = evaluated({"popular": Popular()}, random_histories())
    (tmp_path / "it.json").write_bytes(old.json())
    (tmp_path / "it.runs.json").write_text("{}", encoding="utf-8")
    new = evaluated({"popular": Popular()}, random_histories(people=20))
    with pytest.raises(SystemExit, match="other questions"):
        bench.kept.with_kept(new, {}, tmp_path, "it")
