"""The bench of kills, with a few of them: a real process, a real SIGKILL, clients that ask again."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import server_kills


@pytest.mark.slow
def test_three_kills_under_load_lose_and_double_nothing(tmp_path):
    found = server_kills.killed(tmp_path / "shop", kills=3, seed=1)
    assert found["acknowledged"] > 20
    assert found["requests_sent_again"] > 0, "nobody noticed a kill"
    assert (found["acknowledged_lost"], found["doubled"], found["invented"]) == (0, 0, 0)
    assert found["pages_whole"]


def test_what_was_lost_or_doubled_is_counted(tmp_path):
    truth = server_kills.Truth(sent={"a", "b"}, told={"a", "b"})
    server_kills.init_shop(tmp_path / "shop")
    with server_kills.Shop(tmp_path / "shop", writer=True) as shop:
        record = {"user_id": "u", "item_id": "i", "type": "view", "timestamp": 1.7e9}
        shop.intake().accept([{**record, "event_id": name} for name in ("a", "other")])
    found = server_kills.verdict(tmp_path / "shop", truth)
    assert (found["acknowledged_lost"], found["invented"]) == (1, 1)
