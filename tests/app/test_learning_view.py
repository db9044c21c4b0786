"""What the page on learning is told of a shop, and the way back."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.serve import shops

from penchant.app import learning_view as view
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.errors import Conflict, NotFound
from penchant.evaluate.result import Counts, Estimate
from penchant.evaluate.stream_result import ArmResult, Block, Kept, StreamResult
from penchant.learn.drift.alarm import Alarm, StreamName, response
from penchant.learn.progress import HOUR, Hour, Progress, Told, write_progress
from penchant.model.snapshot import FORMAT, Learned, Manifest, write_snapshot

SERVED = {"snapshot": "b", "reasons": [], "learner": "running"}
NOON = 20_000 * view.DAY + 12 * HOUR


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    init_shop(tmp_path / "shop")
    with Shop(tmp_path / "shop", writer=False, clock=lambda: 1_000.0) as shop:
        yield shop


def add(shop: Shop, name: str, *, parent: str = "", loss: float | None = None, accepted: bool = True) -> None:
    """A snapshot of one number."""
    learned = Learned(
        since=None, to=9.0, seen=5, events=40, made=100.0, accepted=accepted, reasons=(f"so is {name}",)
    )
    metrics = {} if loss is None else {"newest.loss": loss}
    manifest = Manifest(
        format=FORMAT, encoder_id="e", settings={}, id_table_hash="", id_table_length=0, log_position=5,
        metrics=metrics, parent=parent, checksums={}, learned=learned,
    )  # fmt: skip
    (shop.folder / "snapshots").mkdir(exist_ok=True)
    write_snapshot(shop.folder / "snapshots" / name, {"a": np.zeros(1)}, manifest)


def serve(shop: Shop, *names: str) -> None:
    for name in names:
        if name not in shop.shelf.names():
            add(shop, name)
        shop.shelf.promote(name, float(len(shop.shelf.history())), f"promoted {name}")


def progress(shop: Shop, **more: Any) -> None:
    write_progress(
        shop.folder / "learning" / "progress.json", Progress(written=50.0, snapshot="b", position=3, **more)
    )


def seen(shop: Shop) -> dict[str, Any]:
    found = view.learning_view(shop, SERVED)
    json.dumps(found)
    return found


def test_a_new_shop_has_nothing_to_tell(shop: Shop) -> None:
    found = seen(shop)
    assert (found["snapshot"], found["since"], found["progress"], found["back"]) == ("", None, None, None)
    for name in ("points", "alarms", "snapshots", "promotions"):
        assert found[name] == []
    assert (found["heat"], found["report"], found["learner"]) == (None, False, "running")
    assert found["rates"]["asked"] == 0


def test_snapshots_with_what_became_of_them(shop: Shop) -> None:
    serve(shop, "a", "b")
    add(shop, "c", parent="b", loss=0.1, accepted=False)
    (shop.folder / "snapshots" / "d").mkdir()
    (shop.folder / "snapshots" / "d" / "manifest.json").write_text("{")
    found = {one["name"]: one for one in seen(shop)["snapshots"]}
    assert list(found) == ["d", "c", "b", "a"], "newest first"
    assert [one["state"] for one in found.values()] == ["kept", "kept", "serves", "served"]
    assert [one["broken"] for one in found.values()] == [True, False, False, False]
    assert found["c"]["losses"] == {"newest": 0.1, "memory": None, "anchor": None}
    assert (found["c"]["parent"], found["c"]["accepted"], found["c"]["reasons"]) == ("b", False, ["so is c"])
    assert found["d"]["events"] is None


def test_what_served_when_and_where_going_back_leads(shop: Shop) -> None:
    serve(shop, "a", "b", "c", "c")
    found = seen(shop)
    assert (found["snapshot"], found["since"]) == ("c", 2.0), "promoted twice, it serves since the first time"
    assert [one["why"][-1] for one in found["promotions"]] == ["c", "c", "b", "a"]
    assert found["back"] == {"name": "b", "made": 100.0, "until": 2.0}
    shop.shelf.prune(0)
    assert [one["here"] for one in seen(shop)["promotions"]] == [True, True, True, False]


def test_nowhere_to_go_where_one_snapshot_served_or_the_other_cannot_be_read(shop: Shop) -> None:
    serve(shop, "a")
    assert seen(shop)["back"] is None
    with pytest.raises(NotFound, match="only one snapshot"):
        view.go_back(shop, "a")
    serve(shop, "b")
    (shop.folder / "snapshots" / "a" / "manifest.json").write_text("{")
    assert seen(shop)["back"] is None


def test_going_back_and_back_again(shop: Shop) -> None:
    serve(shop, "a", "b")
    assert view.go_back(shop, "b") == {"serves": "a", "before": "b"}
    newest = shop.shelf.history()[-1]
    assert (newest.name, newest.time, newest.why) == ("a", 1_000.0, "rollback from b")
    assert view.go_back(shop, "a")["serves"] == "b"


def test_going_back_from_what_no_longer_serves_changes_nothing(shop: Shop) -> None:
    with pytest.raises(Conflict, match="nothing serves"):
        view.go_back(shop, "b")
    serve(shop, "a", "b", "c")
    before = shop.shelf.history()
    with pytest.raises(Conflict, match="c serves by now"):
        view.go_back(shop, "b")
    assert shop.shelf.history() == before


def test_going_back_to_a_damaged_one_changes_nothing(shop: Shop) -> None:
    serve(shop, "a", "b")
    (shop.folder / "snapshots" / "a" / "weights.safetensors").write_bytes(b"!")
    with pytest.raises(Conflict, match="checksum"):
        view.go_back(shop, "b")
    assert shop.shelf.current() == "b"


def test_where_the_learner_stands_and_what_moved(shop: Shop) -> None:
    alarm = Alarm(
        time=7.0, position=3, stream=StreamName.CATEGORY, name="teas", what="looks at teas went up",
        before=0.1, after=0.3, events=900,
    )  # fmt: skip
    progress(
        shop, published=4, refused=1, reason="too bad", alarms=[Told(alarm=alarm, response=response(alarm))]
    )
    found = seen(shop)
    assert found["progress"] == {
        "written": 50.0, "snapshot": "b", "position": 3, "learned": 0, "published": 4, "refused": 1,
        "reason": "too bad", "watching": "",
    }  # fmt: skip
    (told,) = found["alarms"]
    assert (told["time"], told["what"], told["action"]) == (7.0, "looks at teas went up", "faster")
    assert "20% of the events moved" in told["why"]


def test_a_damaged_progress_file_is_none(shop: Shop) -> None:
    progress(shop)
    (shop.folder / "learning" / "progress.json").write_text('{"written": "soon"}')
    assert seen(shop)["progress"] is None


def hours(*asked: int, begin: float = NOON) -> list[Hour]:
    return [Hour(start=begin + n * HOUR, asked=count, hits=count / 4) for n, count in enumerate(asked)]


def test_busy_hours_stand_alone_and_the_newest_may_have_just_begun() -> None:
    assert [hour.asked for hour in view.pooled(hours(20, 40, 30, 2))] == [20, 40, 32]


def test_thin_hours_make_days_and_thin_days_join_their_neighbours() -> None:
    found = view.pooled(
        [
            *hours(30, 5, 30),
            *hours(4, begin=NOON + view.DAY),
            *hours(9, 9, begin=NOON + 2 * view.DAY),
            *hours(3, begin=NOON + 3 * view.DAY),
        ]
    )
    assert [(hour.start - NOON, hour.asked) for hour in found] == [(0.0, 65), (view.DAY, 25)]
    assert view.pooled(hours(3)) == hours(3)
    assert view.pooled([]) == []


def test_rates_are_of_the_last_days_and_of_hours_in_which_somebody_was_asked(shop: Shop) -> None:
    old = hours(100, begin=NOON - 20 * view.DAY)
    progress(shop, hours=[*old, *hours(40, 0, 20)])
    found = seen(shop)
    assert found["rates"] == {
        "start": NOON,
        "asked": 60,
        "followed": 0.0,
        "serves": 0.25,
        "still": 0.0,
        "frozen": 0.0,
    }
    assert [point["asked"] for point in found["points"]] == [40, 20]


def replay(shop: Shop, *arms: str) -> None:
    matrix: list[list[float | None]] = [[0.1, 0.2], [0.3, 0.2], [0.2, None]]
    kept = Kept(matrix=matrix, transfer={"forgetting": Estimate(0.1)})
    made = {
        name: ArmResult(
            metrics={}, checkpoints={}, blocks=[], segments={}, runs=[], seconds=1.0, by_block=[],
            to_joint=None, kept=kept if name != "live-state" else None,
        )
        for name in arms
    }  # fmt: skip
    block = Block(start=0.0, end=1.0, n=Counts(people=1, questions=1, relevant=1), checkpoint=False)
    found = StreamResult(
        dataset="shop", blocks=[block, block], arms=made, ratios=[], counts={}, segments={},
        first_seconds=1.0, settings={},
    )  # fmt: skip
    (shop.folder / "reports").mkdir(exist_ok=True)
    (shop.folder / "reports" / "learning.json").write_bytes(found.json())


def test_the_heat_map_is_the_products_own(shop: Shop) -> None:
    replay(shop, "live-state", "naive", "online")
    heat = seen(shop)["heat"]
    assert (heat["arm"], heat["blocks"]) == ("online", 2)
    assert heat["svg"].startswith("<svg")
    replay(shop, "naive")
    assert seen(shop)["heat"]["arm"] == "naive"


def test_a_replay_without_a_matrix_or_half_written_is_none(shop: Shop) -> None:
    replay(shop, "live-state")
    assert seen(shop)["heat"] is None
    (shop.folder / "reports" / "learning.json").write_text('{"dataset": ')
    assert seen(shop)["heat"] is None


def test_a_server_that_runs_follows_the_way_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.02)
    folder = shops.make_shop(tmp_path / "shop")
    _, serving = shops.behind_the_door(folder)
    try:
        first = serving.learning()["loaded"]
        shops.train(serving.shop)
        second = until(serving, lambda found: found["loaded"] != first)["loaded"]
        assert serving.learning()["back"]["name"] == first
        assert serving.rollback(second)["serves"] == first
        until(serving, lambda found: found["loaded"] == found["snapshot"] == first)
        assert serving.report_html("learning") is None
        (folder / "reports").mkdir(exist_ok=True)
        (folder / "reports" / "learning.html").write_text("whole")
        assert (serving.report_html("learning"), serving.learning()["report"]) == ("whole", True)
    finally:
        serving.close()


def until(serving: Serving, true: Any) -> dict[str, Any]:
    end = time.monotonic() + 20
    while not true(serving.learning()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return serving.learning()
