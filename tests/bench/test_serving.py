"""The parts of the serving benches that are not a measurement: figures, schedules, connections, tables."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
NAMES = (
    "connections",
    "ingest",
    "loadstats",
    "openloop",
    "serving_docs",
    "serving_peers",
    "servers",
    "sustained",
)


@pytest.fixture(scope="module")
def bench():
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        return SimpleNamespace(**{name: __import__(name) for name in NAMES})
    finally:
        sys.path[:] = before


@pytest.fixture
def plan(bench):
    return bench.openloop.Plan(
        port=0, key="k", users=["a", "b"], items=["i", "j"], probed=[f"p{number}" for number in range(10)],
        phases=[("warm", 1.0, 10.0, 20.0), ("sustained", 2.0, 10.0, 20.0), ("overload", 1.0, 10.0, 20.0)],
        probes=5.0, saturate=0.2, at_once=2,
    )  # fmt: skip


def test_percentiles_of_known_latencies(bench):
    found = bench.loadstats.percentiles(np.arange(1.0, 102.0))
    assert found == {"p50_ms": 51.0, "p99_ms": 100.0, "max_ms": 101.0, "n": 101}
    assert bench.loadstats.percentiles(np.zeros(0))["n"] == 0


def test_a_slope_is_in_percent_of_the_mean_a_minute(bench):
    seconds = np.arange(0.0, 481.0)
    rising = 200.0 + 0.5 * seconds / 60
    noise = np.random.default_rng(0).normal(0, 0.1, len(seconds))
    assert bench.loadstats.slope_percent(seconds, rising + noise) == pytest.approx(0.2475, abs=0.02)
    assert bench.loadstats.slope_percent(seconds, np.full(len(seconds), 7.0)) == 0.0


def test_recovery_asks_for_several_normal_seconds_without_anything_wrong(bench):
    p99 = np.array([900.0, 9.0, 9.0, 40.0, 9.0, 9.0, 9.0, 9.0])
    wrong = np.zeros(8, bool)
    after = bench.loadstats.recovered_after
    assert after(p99, wrong, 10.0, 1.0, 3) == 4.0
    wrong[4] = True
    assert after(p99, wrong, 10.0, 1.0, 3) == 5.0
    wrong[6] = True
    assert after(p99, wrong, 10.0, 1.0, 3) == float("inf")


def test_windows_hold_what_was_due_in_them(bench):
    p50, p99 = bench.loadstats.in_windows(np.array([0.0, 0.9, 1.0]), np.array([1.0, 3.0, 8.0]), 1.0, 3.0)
    assert p50[:2].tolist() == [2.0, 8.0]
    assert p99[1] == 8.0
    assert np.isnan(p50[2])


@pytest.mark.parametrize("poisson", [False, True])
def test_a_schedule_has_the_rates_of_its_phases(bench, plan, poisson):
    given = bench.openloop.schedule(replace(plan, poisson=poisson, batch=2))
    assert (np.diff(given.due) >= 0).all()
    assert np.bincount(given.phase).tolist() == [20, 40, 20]  # Events by two in a request.
    assert (given.kind[given.phase == 1] == bench.openloop.LIST).sum() == 20
    steady = given.due[given.phase == 1]
    assert 1.0 <= steady.min() < steady.max() < 3.0


def test_the_overload_is_a_multiple_of_what_was_taken(bench, plan):
    phases = bench.openloop.overloaded(plan, 60.0).phases
    assert phases[2] == ("overload", 1.0, 60.0, 120.0)
    assert phases[:2] == plan.phases[:2]


def test_an_answer_that_is_not_what_was_asked_for_is_no_success(bench):
    judged, openloop = bench.openloop.judged, bench.openloop
    assert judged(openloop.EVENT, 1, 200, b'{"accepted":1,"duplicates":0}') == 200
    assert judged(openloop.EVENT, 1, 200, b'{"accepted":0,"duplicates":1}') == openloop.ODD
    assert judged(openloop.LIST, 1, 200, b'{"fallback":false,"items":[{"item_id":"a"}]}') == 200
    assert judged(openloop.LIST, 1, 200, b'{"fallback":true,"items":[{"item_id":"a"}]}') == openloop.ODD
    assert judged(openloop.LIST, 1, 200, b'{"fallback":false,"items":[]}') == openloop.ODD
    assert judged(openloop.LIST, 1, 429, b"") == 429


class Shop:
    """A server of lists that change by each event. Every ``refuses``-th request is told 429; 0 for none."""

    def __init__(self, refuses: int = 0) -> None:
        self.refuses, self.asked, self.accepted, self.score = refuses, 0, 0, dict[str, int]()
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                at = head.find(b"Content-Length: ")
                body = (
                    await reader.readexactly(int(head[at + 16 : head.index(b"\r\n", at)])) if at > 0 else b""
                )
                writer.write(self.reply(head.decode(), body))
        except asyncio.IncompleteReadError:
            writer.close()
            await writer.wait_closed()
        finally:
            self.open -= 1

    def reply(self, head: str, body: bytes) -> bytes:
        self.asked += 1
        status, said = "200 OK", {"accepted": 0, "duplicates": 0}
        if self.refuses and self.asked % self.refuses == 0:
            status, said = "429 Too Many Requests", {}
        elif head.startswith("POST"):
            events = json.loads(body)["events"]
            for event in events:
                self.score[event["user_id"]] = self.score.get(event["user_id"], 0) + 1
            self.accepted += len(events)
            said["accepted"] = len(events)
        else:
            score = self.score.get(head.split("/")[3], 0)
            said = {"fallback": False, "items": [{"item_id": "a", "score": score}]}
        made = json.dumps(said, separators=(",", ":")).encode()
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(made)}\r\n\r\n".encode() + made


async def with_shop(shop, work):
    server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    try:
        return await work(server.sockets[0].getsockname()[1])
    finally:
        while shop.open:
            await asyncio.sleep(0.005)
        server.close()


def test_every_request_of_a_schedule_is_sent_and_counted(bench, plan, monkeypatch):
    monkeypatch.setattr(bench.openloop, "REST", 0.0)
    monkeypatch.setattr(bench.openloop.gc, "freeze", lambda: None)
    shop = Shop()
    load = asyncio.run(
        with_shop(shop, lambda port: bench.openloop.driven(replace(plan, port=port, overload=0.1)))
    )
    assert (load["status"] == 200).all()
    assert (load["taken"] >= load["lag"]).all()
    assert (load["lag"] >= 0).all()
    assert not np.isnan(load["listed"]).any()
    assert (load["listed"] >= load["posted"]).all()
    assert len(load["listed"]) == 10
    assert load["changed"] == 1.0
    assert load["answers"] > 0


def test_what_is_refused_is_told_apart_and_what_breaks_too(bench):
    async def work(port):
        pool = bench.connections.Pool(port, 3)
        request = b"GET /v1/users/u/recommendations HTTP/1.1\r\n\r\n"
        replies = await bench.openloop.closed_loop(pool, [request] * 20, 3)
        pool.close()
        return [status for status, _ in replies]

    statuses = asyncio.run(with_shop(Shop(refuses=5), work))
    assert sorted(statuses) == [200] * 16 + [429] * 4
    assert asyncio.run(work(bench.servers.free_port())) == [0] * 20


def test_a_pool_opens_no_more_than_it_may(bench):
    async def work(port):
        pool, told = bench.connections.Pool(port, 2), list[int]()
        for _ in range(50):
            pool.ask(
                b"GET /v1/users/u/recommendations HTTP/1.1\r\n\r\n", lambda status, _: told.append(status)
            )
        while len(told) < 50:
            await asyncio.sleep(0.005)
        pool.close()
        return pool.largest, told

    assert asyncio.run(with_shop(Shop(), work)) == (2, [200] * 50)


@pytest.fixture
def load(bench):
    """40 s: 10 of each phase, the first two of which are quick; after the overload two slow seconds."""
    due = np.repeat(np.arange(40.0), 10) + np.tile(np.arange(10) / 10, 40)
    phase = (due // 10).astype(np.int8)
    taken = np.where(phase == 2, 2.0, 0.005)
    taken[(due >= 30) & (due < 32)] = 1.0
    status = np.full(400, 200)
    status[(phase == 2) & (np.arange(400) % 2 == 0)] = 429
    status[200] = 503
    kind = (np.arange(400) % 4 == 0).astype(np.int8)
    return {
        "due": due, "phase": phase, "taken": taken, "status": status, "kind": kind,
        "lag": np.full(400, 1e-4), "answers": np.array(9.0), "busy": np.array(0.1),
        "connections": np.array(7), "posted": np.array([0.002, 0.003]), "listed": np.array([0.004, np.nan]),
        "probed": np.array([200, 0]), "changed": np.array(1.0),
    }  # fmt: skip


PHASES = [(name, 10.0, 7.5, 2.5) for name in ("warm", "sustained", "overload", "after")]


def test_a_run_is_told_by_phase_and_route(bench, load):
    found = bench.sustained.told(load, PHASES)
    over = found["phases"]["overload"]
    assert found["phases"]["sustained"]["lists"]["p99_ms"] == 5.0
    assert found["phases"]["sustained"]["lists"]["failed"] == 0
    assert sum(over[route]["refused"] for route in ("lists", "events")) == 49
    assert sum(over[route]["server_errors"] for route in ("lists", "events")) == 1
    assert sum(over[route]["failed"] for route in ("lists", "events")) == 1
    assert found["recovery"] == {"normal_p99_ms": 5.0, "seconds": 2.0}
    after = bench.sustained.after_event(load, [2.0, 2.0])["event_then_list"]
    assert (after["n"], after["failed"], after["p50_ms"]) == (1, 1, 4.0)
    assert (after["wrong"], after["of it the event"]["p50_ms"]) == ({"0": 1}, 2.0)
    assert after["at_most"] == {"p50_ms": 6.0, "p99_ms": 16.0}


def test_what_was_never_answered_is_not_normal(bench, load):
    load["taken"][-1], load["status"][-1] = np.nan, 0
    load["taken"][320:399] = 0.005
    assert bench.sustained.told(load, PHASES)["recovery"]["seconds"] == 2.0
    load["status"][330], load["taken"][330] = 0, np.nan
    assert bench.sustained.told(load, PHASES)["recovery"]["seconds"] == 4.0


def told(bench, load):
    # One sample a second, of which those before second 15 and after second 25 are not of the steady part.
    mib = [900.0] * 10 + [100.0] * 11 + [900.0] * 5
    watched = SimpleNamespace(at=[5.0 + second for second in range(26)], memory=mib)
    return {
        "shop": {"items": 12, "events": 34}, "machine": {"cores": 2, "load": 0.1},
        "asked": {"minutes": 0.2, "no_learn": False},
        "flush_ms": {"before": 2.0, "during": 2.0, "after": 2.0},
        **bench.sustained.told(load, PHASES), **bench.sustained.after_event(load, [2.0]),
        "memory": bench.sustained.memory_of(watched, 5.0, PHASES),
    }  # fmt: skip


def row(per_s):
    return {"per_s": per_s, "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0, "refused": 0, "failed": 0}


COMPARED = {
    "shop": {"items": 12, "events": 34}, "people": 5, "at_once": 16, "seconds": 8, "rounds": 5,
    "left_out": {"redis": "it is missing"}, "floor": {"bytes": 2**20, "ms": 0.1, "gib_per_s": 9.8},
    "rows": {
        "penchant": {"lists": row(1_000.0), "event, then list": row(800.0)},
        "implicit": {"lists": row(250.0), "event, then list": row(400.0)},
        "redis alone": {"lists": row(50_000.0)},
    },
}  # fmt: skip


def test_tables_hold_what_was_measured(bench, load, tmp_path, monkeypatch):
    docs = bench.serving_docs
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    steady = docs.sustained(told(bench, load))
    assert "| sustained, lists | 8 | 8 | 5.00 | 5.00 | 5.00 | 0 | 0 | 0 |" in steady
    assert "| event, then list: p99 | 4.00 ms | 16.00 ms |" in steady
    assert "| memory, percent a minute | 0.00 | .10 |" in steady
    assert "bench/sustained.py --shop SHOP --minutes 0.2`" in steady
    compared = docs.peers(COMPARED)
    assert "| implicit | 250 | 2.0 | 4.00 | 400 | 2.0 | 2.00 |" in compared
    assert "| redis alone | 50,000 | 2.0 | 0.02 | – | – | – |" in compared
    assert "Left out: redis (it is missing)." in compared
    assert "takes 10 times as long" in compared
    rates = {"store, 500 a commit": 100.0, "store, 2,000 a commit": 200.0, "HTTP, batches of 500": 90.0}
    events = {"shop": {"events": 3}, "events": 9, "rounds": 1, "per_s": rates}
    taken = docs.ingest(events | {"to_store": bench.ingest.to_store(rates)})
    assert "| HTTP, batches of 500 | 90 | 0.45 |" in taken
    for picture in ("serving-latency.svg", "serving-peers.svg"):
        assert (tmp_path / picture).read_text("utf-8").startswith("<?xml")


def test_the_page_has_every_part_once_and_text_around_stays(bench):
    text = bench.serving_docs.PAGE.read_text("utf-8")
    for part in bench.serving_docs.COMMANDS:
        made = bench.serving_docs.between(text, part, "NEW")
        assert made.replace("NEW", "").split("<!--")[0] == text.split("<!--")[0]
        assert bench.serving_docs.between(made, part, "NEW") == made
    with pytest.raises(SystemExit):
        bench.serving_docs.between(text, "nothing", "NEW")
