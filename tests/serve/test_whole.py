"""What several processes tell of themselves as one."""

from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import Response

from penchant.events.intake import IntakeResult
from penchant.serve.watch import Metrics
from penchant.serve.whole import counters, readiness

FINE = {"ready": True, "degraded": [], "reasons": [], "states": 3, "unlogged": 0, "snapshot": "one"}


def told(*states: dict[str, Any] | None) -> dict[int, bytes]:
    return {n: msgspec.json.encode(state) for n, state in enumerate(states) if state is not None}


def read(answer: Response) -> dict[str, Any]:
    return msgspec.json.decode(bytes(answer.body))


def test_all_up_is_ready_with_the_states_of_all() -> None:
    answer = readiness(told(FINE, FINE | {"states": 4}), 2)
    assert (answer.status_code, read(answer)) == (200, FINE | {"states": 7, "processes": {"all": 2, "up": 2}})


def test_what_is_degraded_in_any_is_told_once() -> None:
    other = FINE | {"degraded": ["lists", "model"], "unlogged": 5}
    found = read(readiness(told(FINE | {"degraded": ["lists"]}, other), 2))
    assert (found["degraded"], found["unlogged"]) == (["lists", "model"], 5)


def test_one_that_is_away_is_told_and_sends_nobody_away() -> None:
    answer = readiness(told(FINE, None, FINE), 3)
    assert answer.status_code == 200
    assert read(answer)["processes"] == {"all": 3, "up": 2}
    (reason,) = read(answer)["reasons"]
    assert reason.startswith("process 1 is not up")


def test_one_that_cannot_answer_makes_all_not_ready_and_says_why() -> None:
    broken = {"error": {"code": "error", "message": "a fault"}}
    for other, why in (
        ({"ready": False, "reasons": ["full"], "states": 0}, "full"),
        (broken, "it cannot tell"),
    ):
        answer = readiness(told(FINE, other), 2)
        assert answer.status_code == 503
        assert read(answer)["reasons"] == [f"process 1: {why}"]


def test_what_all_say_is_said_once() -> None:
    same = {"ready": True, "reasons": ["an arm has no snapshot"], "states": 0}
    assert read(readiness(told(FINE | same, same, same), 3))["reasons"] == ["an arm has no snapshot"]


def test_counters_of_all_are_there_by_process_and_can_be_read_back() -> None:
    texts: dict[int, bytes] = {}
    for number in range(2):
        metrics = Metrics()
        metrics.request("GET", "/healthz", 200, 0.01)
        metrics.events(IntakeResult(accepted=number + 1))
        texts[number] = metrics.text({"states": number})
    families = list(text_string_to_metric_families(bytes(counters(texts, 2).body).decode()))
    assert len({family.name for family in families}) == len(families), "one help and one type for each name"
    found = {
        sample.labels["process"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "penchant_events_total" and sample.labels["outcome"] == "accepted"
    }
    assert found == {"0": 1.0, "1": 2.0}
    assert {family.type for family in families} >= {"counter", "histogram", "gauge"}
