"""Items without any event: what is taken out, what is asked."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from penchant.model.histories import histories_of

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def cold(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location("bench_cold", BENCH / "cold.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("data", None)


def test_the_last_removed_event_of_each_person_is_asked_with_what_stays_before_it(cold) -> None:
    histories = histories_of([[1, 9, 2, 9, 3], [4, 5, 6], [9, 7]])
    found = cold.taken_out(histories, histories.items == 9)
    assert found.contexts.people.tolist() == [0, 2]
    assert found.items.tolist() == [9, 9]
    # What stays: 1 2 3 | 4 5 6 | 7. Before the second 9 of the first person that is 1 and 2.
    assert found.contexts.ends.tolist() == [2, 6]
    assert found.contexts.times.tolist() == [3 * 86_400.0, 0.0]


def test_no_event_on_an_item_that_is_taken_out_is_left_anywhere_but_in_its_questions(cold) -> None:
    rng = np.random.default_rng(0)
    histories = histories_of([rng.integers(0, 40, 8).tolist() for _ in range(60)])
    rare, asked = cold.questions(histories, 40, draw=1)
    out = set(np.random.default_rng(1).permutation(40)[:4].tolist())
    assert set(asked.questions.items.tolist()) == out
    for items in (rare.full.items, rare.train.items, rare.validation.items, rare.questions.items):
        assert not out & set(items.tolist())
    counts = np.bincount(rare.train.items, minlength=40)
    assert ((counts[rare.questions.items] >= 1) & (counts[rare.questions.items] <= 5)).all()
    assert (asked.full.items == rare.full.items).all()


def test_figures_are_means_with_each_seed_beside_them(cold) -> None:
    found = cold.mean([np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])])
    assert found["recall@10"] == pytest.approx(0.375)
    assert found["seeds"] == [0.25, 0.5]
    assert found["low"] <= 0.375 <= found["high"]
