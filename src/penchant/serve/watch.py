"""What an operator sees of the door: counters, one log line a request, and the headers of every answer.

Nothing here holds an id, a query string, a body or a key: only route templates, numbers and class names.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TextIO

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.errors import PenchantError, where
from penchant.events.intake import IntakeResult
from penchant.privacy.unguessable import Unguessable
from penchant.serve.errors import error_response, status_of
from penchant.serve.relay import PASSED_ON
from penchant.types import Impression

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Upper ends of the latency histogram, seconds."""
COMMON_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
API_HEADERS = COMMON_HEADERS | {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


GONE = 499
"""Told to nobody, only noted: whoever asked hung up before all was said (the number is nginx's)."""
FAULT = "penchant.fault"
"""Where a handler leaves in the request's scope what its log line must tell."""


class Metrics:
    """Prometheus counters in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "route"]
        self._requests = Counter("penchant_requests", "Requests", [*labels, "status"], registry=self.registry)
        self._seconds = Histogram(
            "penchant_request_seconds", "Time to answer", labels, buckets=BUCKETS, registry=self.registry
        )
        self._events = Counter("penchant_events", "Events offered", ["outcome"], registry=self.registry)
        self._lists = Counter("penchant_lists", "Lists made", ["by"], registry=self.registry)
        self._fallbacks = Counter(
            "penchant_fallbacks", "Lists that are not what they should be", ["reason"], registry=self.registry
        )
        self._unlogged = Gauge("penchant_lists_unlogged", "Lists shown, in no log", registry=self.registry)
        self._degraded = Gauge("penchant_degraded", "Parts that fail", ["part"], registry=self.registry)
        self._learned = Gauge(
            "penchant_learned_position",
            "Place of the log that is learned and served",
            registry=self.registry,
        )
        self._logged = Gauge("penchant_log_position", "Newest place of the log", registry=self.registry)
        self._states = Gauge("penchant_states", "Taste states in memory", registry=self.registry)
        # To look for one takes its lock and as long as to count.
        self._counted, self._timed = cache(self._requests.labels), cache(self._seconds.labels)
        self._offered = cache(self._events.labels)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._counted(method, route, str(status)).inc()
        self._timed(method, route).observe(seconds)

    def events(self, result: IntakeResult) -> None:
        for outcome in ("accepted", "duplicates"):
            self._offered(outcome).inc(getattr(result, outcome))
        self._offered("rejected").inc(len(result.rejected))

    def made(self, shown: Impression) -> None:
        """A list was answered: by a model, of what is popular or found, or in place of what it should be."""
        by = "fallback" if shown.fallback else "model" if shown.snapshot else "popular"
        self._lists.labels(by).inc()
        if shown.fallback:
            self._fallbacks.labels(shown.fallback).inc()

    def text(self, readiness: Mapping[str, Any]) -> bytes:
        """All counters in Prometheus' text form."""
        self._states.set(float(readiness.get("states") or 0))
        self._unlogged.set(float(readiness.get("unlogged") or 0))
        self._degraded.clear()
        for part in readiness.get("degraded") or ():
            self._degraded.labels(part).set(1)
        self._learned.set(float(readiness.get("learned_position") or 0))
        self._logged.set(float(readiness.get("log_position") or 0))
        return generate_latest(self.registry)


class Notes:
    """Counts each answer and writes its line."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Callable[[], float],
        now: Callable[[], float],
        log: TextIO | None = None,
    ) -> None:
        """``clock`` gives seconds of any beginning, ``now`` unix seconds; ``log`` is stderr unless it is
        given."""
        self._metrics = metrics
        self.clock = clock
        self._now = now
        self._log = log
        self.new_id = Unguessable()

    def note(
        self, request_id: str, start: float, method: str, route: str, *, status: int, fault: str = ""
    ) -> None:
        """An answer was given to what came at ``start``."""
        seconds = self.clock() - start
        method = method if method in METHODS else "other"
        self._metrics.request(method, route, status, seconds)
        line = {"time": round(self._now(), 3), "method": method, "route": route, "status": status}
        line |= {"ms": round(seconds * 1000, 2), "request_id": request_id} | (
            {"fault": fault} if fault else {}
        )
        with suppress(OSError, ValueError):  # A log that is full or closed keeps nobody from an answer.
            print(msgspec.json.encode(line).decode(), file=self._log or sys.stderr, flush=True)


class Watched:
    """ASGI middleware: counts, logs and heads every answer; turns an unforeseen fault into a plain 500."""

    def __init__(self, app: ASGIApp, *, notes: Notes, templates: Mapping[Any, str]) -> None:
        self._app = app
        self._notes = notes
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, start, status, fault = self._notes.new_id(), self._notes.clock(), 0, ""

        async def headed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not scope.get(PASSED_ON):
                    _add_headers(message, scope["path"], request_id)
            await send(message)

        try:
            await self._app(scope, receive, headed)
        except ClientDisconnect:
            status = status or GONE
        except Exception as error:  # the last wall: nothing of the message may get out
            fault, scope[PASSED_ON] = where(error, 3), False
            if not status:
                await our_fault()(scope, receive, headed)
        if not scope.get(PASSED_ON):  # Else who answered has counted it.
            route = self._templates.get(scope.get("endpoint"), "unknown")
            fault = fault or scope.get(FAULT, "")
            self._notes.note(request_id, start, scope["method"], route, status=status, fault=fault)


def our_fault() -> Response:
    """What is told of something unforeseen."""
    return error_response(500, "error", "a fault on our side; the log has it")


def _add_headers(message: Message, path: str, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    console = path == "/console" or path.startswith("/console/")
    for name, value in (COMMON_HEADERS if console else API_HEADERS).items():
        headers.setdefault(name, value)
    headers["x-request-id"] = request_id


def note_fault(scope: Scope, error: PenchantError) -> None:
    """Let the log line of this request tell of an error that is answered with a status from 500 up."""
    if fault := fault_of(error):
        scope[FAULT] = fault


def fault_of(error: PenchantError) -> str:
    """What a log line tells of an error: nothing unless it is answered with a status from 500 up."""
    return where(error, 3) if status_of(error) >= 500 else ""
