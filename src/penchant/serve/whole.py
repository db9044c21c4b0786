"""What several processes of one server tell of themselves, told as one: ``/readyz`` and ``/metrics``."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.errors import Unreachable
from penchant.serve.relay import Link, asked

PATIENCE: Final = 2.0
"""Seconds for another process to tell."""

SILENT: Final[dict[str, Any]] = {
    "ready": False,
    "degraded": [],
    "reasons": ["it cannot tell"],
    "states": 0,
    "unlogged": 0,
}
"""Of one whose answer is an error."""


class Whole:
    """ASGI middleware of the first process, which asks the others over ``links``."""

    def __init__(self, app: ASGIApp, *, links: Mapping[int, Link]) -> None:
        self._app = app
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        join = {"/readyz": readiness, "/metrics": counters}.get(scope.get("path", ""))
        if scope["type"] != "http" or join is None:
            await self._app(scope, receive, send)
            return
        mine = _Kept()
        await self._app(scope, receive, mine.send)
        told = {0: mine.body}
        for number, link in self._links.items():
            found = _Kept()
            try:
                await link.pass_on(asked(scope, b""), found.send, PATIENCE)
                told[number] = found.body
            except Unreachable:
                continue
        await join(told, len(self._links) + 1)(scope, receive, send)


def readiness(told: Mapping[int, bytes], processes: int) -> Response:
    """That of the first process, with how many are up and what is wrong with the others.

    One that is not there is no reason to send shoppers away: the first answers for it. One that is and
    cannot answer is.
    """
    states = {number: msgspec.json.decode(body, type=dict[str, Any]) for number, body in told.items()}
    whole: dict[str, Any] = SILENT | states[0] | {"processes": {"all": processes, "up": len(states)}}
    known = list(whole["reasons"])
    for number in range(1, processes):
        if number not in states:
            known.append(f"process {number} is not up: process 0 answers for its people")
            continue
        other: dict[str, Any] = SILENT | states[number]
        known += [f"process {number}: {why}" for why in other["reasons"] if why not in whole["reasons"]]
        whole["ready"] = whole["ready"] and other["ready"]
        whole["degraded"] = list(dict.fromkeys([*whole["degraded"], *other["degraded"]]))
        whole["states"] += other["states"]
        whole["unlogged"] += other["unlogged"]
    whole["reasons"] = known
    return Response(msgspec.json.encode(whole), 200 if whole["ready"] else 503, media_type="application/json")


def counters(told: Mapping[int, bytes], processes: int) -> Response:
    """Every counter of every process, with the label ``process``: sum the rates. A sum of counters would fall
    where a process starts anew, and read as a start of the whole.
    """
    del processes
    registry = CollectorRegistry()
    registry.register(_Families(told))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


class _Families(Collector):
    def __init__(self, told: Mapping[int, bytes]) -> None:
        self._told = told

    def collect(self) -> Iterable[Metric]:
        found: dict[str, Metric] = {}
        for number, text in self._told.items():
            for family in text_string_to_metric_families(text.decode()):
                whole = found.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                whole.samples += [
                    sample._replace(labels={**sample.labels, "process": str(number)})
                    for sample in family.samples
                ]
        return found.values()


class _Kept:
    """Takes an answer instead of a client."""

    def __init__(self) -> None:
        self.body = b""

    async def send(self, message: Message) -> None:
        self.body += message.get("body", b"")
