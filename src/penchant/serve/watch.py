"""What an operator sees of the door: counters, one log line a request, and the headers of every answer.

Nothing here holds an id, a query string, a body or a key: only route templates, numbers and class names.
"""

import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO
from uuid import uuid4

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.errors import PenchantError
from penchant.events.intake import IntakeResult
from penchant.serve.errors import error_response, status_of

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Upper ends of the latency histogram, seconds."""
COMMON_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
API_HEADERS = COMMON_HEADERS | {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


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
        self._learned = Gauge(
            "penchant_learned_position",
            "Place of the log that is learned and served",
            registry=self.registry,
        )
        self._logged = Gauge("penchant_log_position", "Newest place of the log", registry=self.registry)
        self._states = Gauge("penchant_states", "Taste states in memory", registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def events(self, result: IntakeResult) -> None:
        for outcome in ("accepted", "duplicates"):
            self._events.labels(outcome).inc(getattr(result, outcome))
        self._events.labels("rejected").inc(len(result.rejected))

    def made(self, fallback: bool) -> None:
        self._lists.labels("fallback" if fallback else "model").inc()

    def text(self, readiness: Mapping[str, Any]) -> bytes:
        """All counters in Prometheus' text form."""
        self._states.set(float(readiness.get("states") or 0))
        self._learned.set(float(readiness.get("learned_position") or 0))
        self._logged.set(float(readiness.get("log_position") or 0))
        return generate_latest(self.registry)


class Watched:
    """ASGI middleware: counts, logs and heads every answer; turns an unforeseen fault into a plain 500."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        templates: Mapping[Any, str],
        clock: Callable[[], float],
        now: Callable[[], float],
        log: TextIO | None = None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._templates = templates
        self._clock = clock
        self._now = now
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, start, status, fault = uuid4().hex, self._clock(), 0, ""

        async def headed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope["path"], request_id)
            await send(message)

        try:
            await self._app(scope, receive, headed)
        except Exception as error:  # the last wall: nothing of the message may get out
            fault = _where(error)
            if not status:
                await error_response(500, "error", "a fault on our side; the log has it")(
                    scope, receive, headed
                )
        self._note(scope, status, self._clock() - start, request_id, fault or scope.get(FAULT, ""))

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str, fault: str) -> None:
        route = self._templates.get(scope.get("endpoint"), "unknown")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.request(method, route, status, seconds)
        line = {"time": round(self._now(), 3), "method": method, "route": route, "status": status}
        line |= {"ms": round(seconds * 1000, 2), "request_id": request_id} | (
            {"fault": fault} if fault else {}
        )
        print(msgspec.json.encode(line).decode(), file=self._log or sys.stderr, flush=True)


def _add_headers(message: Message, path: str, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    console = path == "/console" or path.startswith("/console/")
    for name, value in (COMMON_HEADERS if console else API_HEADERS).items():
        headers.setdefault(name, value)
    headers["x-request-id"] = request_id


def note_fault(scope: Scope, error: PenchantError) -> None:
    """Let the log line of this request tell of an error that is answered with a status from 500 up."""
    if status_of(error) >= 500:
        scope[FAULT] = _where(error)


def _where(error: BaseException) -> str:
    """Class and places of a fault and of what caused it, without messages, which may hold anything.

    Of SQLite's errors the name of the code is told too: a full disk is not a broken one.
    """
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    name = " ".join([type(error).__name__, getattr(error, "sqlite_errorname", "")]).strip()
    because = f", from {_where(error.__cause__)}" if error.__cause__ is not None else ""
    return f"{name} at {places}{because}"
