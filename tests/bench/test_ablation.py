"""What is left out, and that only answers to the same questions are compared."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant.evaluate.protocols import successive
from penchant.model.histories import histories_of
from penchant.types import EventType

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def ablation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    before = set(sys.modules)
    import ablation

    yield ablation
    for name in set(sys.modules) - before:
        if "bench" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_only_what_the_data_have_is_left_out(ablation) -> None:
    histories = histories_of([[1, 2], [0]])
    plain = ablation.Data(histories, ["", "", ""], None, [{}, {}])
    assert ablation.applying(plain) == ["gaps", "sessions", "clock"]
    kinds = np.array([EventType.VIEW.code, EventType.RATING.code, EventType.VIEW.code], np.int8)
    rich = ablation.Data(
        replace(histories, types=kinds, queries=np.array([0, -1, -1], np.int32)),
        ["tea", "", ""],
        np.ones(3, np.float32),
        [{"city": "Bonn"}, {}],
    )
    assert ablation.applying(rich) == list(ablation.INPUTS)


def test_answers_to_other_questions_are_not_compared(ablation) -> None:
    histories = histories_of([[1, 2, 1, 2], [2, 1, 2, 1]])
    one, other = successive(histories), successive(replace(histories, items=3 - histories.items))
    ablation.same_questions([one], [one])
    with pytest.raises(SystemExit, match="other questions"):
        ablation.same_questions([one], [other])


@pytest.fixture
def small(ablation, monkeypatch, tmp_path):
    """Runs the bench on little data; the result of that name."""
    rng = np.random.default_rng(0)
    events = {
        "user_id": [f"u{n % 20}" for n in range(200)],
        "item_id": [f"i{n}" for n in rng.integers(0, 12, 200)],
        "type": ["purchase"] * 200,
        "timestamp": [n * 3_600 for n in range(200)],
    }
    data = tmp_path / "small"
    data.mkdir()
    pq.write_table(pa.table(events), data / "events.parquet")
    monkeypatch.setattr(ablation, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(ablation, "applying", lambda _: ["clock"])
    given = [
        "--data",
        str(data),
        "--cache",
        str(tmp_path / "cache"),
        "--set",
        "max_epochs=1",
        "--set",
        "dim=8",
    ]

    def run(name, *words):
        monkeypatch.setattr(sys, "argv", ["ablation.py", *given, *words])
        ablation.main()
        return json.loads((tmp_path / "results" / name).read_text("utf-8"))

    return run


def test_a_table_says_what_each_input_brings(small, capsys) -> None:
    found = small("ablation-small.json")
    assert list(found["models"]) == ["all inputs", "without clock"]
    value, low, high = found["models"]["without clock"]["brings"]
    assert low <= value <= high
    assert "without clock" in capsys.readouterr().out


def test_values_of_a_setting_stand_beside_the_default(small, capsys) -> None:
    found = small("ablation-small-negatives.json", "--vary", "negatives=8,16")
    assert list(found["models"]) == ["all inputs", "negatives=8", "negatives=16"]
    assert found["settings"]["negatives"] == 1024
    assert "negatives=16" in capsys.readouterr().out
