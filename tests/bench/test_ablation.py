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


def test_a_table_says_what_each_input_brings(ablation, monkeypatch, tmp_path, capsys) -> None:
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
    words = [
        "--data",
        str(data),
        "--cache",
        str(tmp_path / "cache"),
        "--set",
        "max_epochs=1",
        "--set",
        "dim=8",
    ]
    monkeypatch.setattr(sys, "argv", ["ablation.py", *words])
    ablation.main()
    found = json.loads((tmp_path / "results" / "ablation-small.json").read_text("utf-8"))
    assert list(found["models"]) == ["all inputs", "without clock"]
    value, low, high = found["models"]["without clock"]["brings"]
    assert low <= value <= high
    assert "without clock" in capsys.readouterr().out
