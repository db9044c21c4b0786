"""Events and lists answered on the wire: the answers, counters and log lines are those of the application."""

import asyncio
import gzip
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest
import uvicorn

from penchant.errors import InvalidInput, StorageError, WouldWait
from penchant.events.intake import IntakeResult
from penchant.serve.app import create_app
from penchant.serve.services import ListWanted, Services
from penchant.serve.short import MOST_BODY, Short
from penchant.serve.wire import guarded_by
from penchant.settings import Settings
from penchant.types import Impression, Reason, Recommendation

KEYS = {"e": frozenset({"events"}), "r": frozenset({"read"}), "a": frozenset({"admin"})}
EVENTS = json.dumps({"events": [{"user_id": "u", "type": "view"}]}).encode()
LIST = "/v1/users/u%2F1/recommendations"
BEGUN, GO_ON = threading.Event(), threading.Event()
"""Of a list for the person ``slow``."""


class Shop(MagicMock):
    """Says of a list whom it is for; takes in all events but those of the person ``broken``."""

    def recommend_each(self, wanted: list[ListWanted], *, wait: bool = True) -> list[Impression]:
        if any(one.user_id == "broken" for one in wanted):
            raise ZeroDivisionError("a secret")
        if any(one.user_id == "slow" for one in wanted):
            BEGUN.set()
            assert GO_ON.wait(10)
        if any(one.user_id == "disk" for one in wanted):
            raise StorageError("a secret")
        return [
            Impression(
                recommendation_id="l",
                user_id="p",
                timestamp=0.0,
                placement=one.placement,
                items=tuple(
                    Recommendation(
                        item_id=f"{one.user_id}-{n}", score=1.5, position=n, reason=Reason(kind="popular")
                    )
                    for n in range(one.size)
                ),
                snapshot=",".join(one.exclude) + str(one.context_item),
            )
            for one in wanted
        ]

    def take_in_each(self, requests: list[list[dict[str, Any]]], *, wait: bool = True) -> list[IntakeResult]:
        if not wait and any(record.get("user_id") == "waits" for records in requests for record in records):
            raise WouldWait("busy")
        self.seen += [record for records in requests for record in records]
        if any(record.get("user_id") == "broken" for records in requests for record in records):
            raise InvalidInput("broken")
        return [IntakeResult(accepted=len(one), rejected=[(1, "type", "none")]) for one in requests]

    def reason_words(self, shown: Impression, language: str) -> list[str]:
        return [language] * len(shown.items)


class Served:
    """A server in a thread; what was logged, and what came to the application."""

    def __init__(self, *, short: bool) -> None:
        fake = Shop(spec=Services)
        fake.settings, fake.console_token, fake.seen = Settings(), "once", []
        fake.verify.side_effect = KEYS.get
        fake.at_hand.side_effect = lambda wanted: (
            "thread" not in (wanted.placement, wanted.user_id) and wanted.user_id != "slow"
        )
        self.log, self.long, self.fake = io.StringIO(), list[str](), fake
        app = create_app(fake, lambda: 0.0, self.log)
        self.load = app.state.door.load
        if not short:
            app.state.door.short = None

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            self.long.append(scope["method"])
            await app(scope, receive, send)

        config = uvicorn.Config(
            counted, http=guarded_by(app.state.door), ws="none", log_level="error", lifespan="off",
            interface="asgi3", access_log=False, server_header=False,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.door = socket.socket()
        self.door.bind(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, args=([self.door],))
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def send(self, *pieces: bytes, answers: int = 1) -> bytes:
        """So many answers, all in one."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(0.05 * (len(pieces) > 1))
            heard = b""
            while heard.count(b"HTTP/1.1 ") < answers or not heard.endswith(b"}"):
                part = line.recv(65_536)
                assert part, heard
                heard += part
        return heard

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False) as client:
            return client.request(method, path, **more)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.door.close()


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Served, Served]]:
    made = Served(short=True), Served(short=False)
    try:
        yield made
    finally:
        for one in made:
            one.close()


@pytest.fixture
def served(both: tuple[Served, Served]) -> Served:
    both[0].long.clear()
    both[0].log.truncate(0)
    both[0].log.seek(0)
    return both[0]


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", **more}


PLAIN: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", LIST, {"headers": bearer("r")}),
    ("GET", LIST + "?n=3&placement=home&item=x&exclude=a&exclude=%C3%A9", {"headers": bearer("r")}),
    ("GET", LIST + "?placement=thread&language=zh", {"headers": bearer("a")}),
    ("GET", LIST, {"headers": bearer("r", **{"accept-language": "zh, en;q=0.5"})}),
    ("GET", LIST + "?n=0", {"headers": bearer("r")}),
    ("GET", LIST + "?language=klingon", {"headers": bearer("r")}),
    ("GET", LIST + "?" + "&".join(f"exclude={n}" for n in range(201)), {"headers": bearer("r")}),
    ("GET", "/v1/users/%07/recommendations", {"headers": bearer("r")}),
    ("GET", "/v1/users/broken/recommendations", {"headers": bearer("r")}),
    ("GET", "/v1/users/disk/recommendations", {"headers": bearer("r")}),
    ("GET", LIST, {}),
    ("GET", LIST, {"headers": bearer("nobody")}),
    ("GET", LIST, {"headers": bearer("e")}),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": EVENTS}),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": EVENTS.replace(b'"u"', b'"waits"')}),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": b'{"events": ['}),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": b""}),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": b'{"events": [{"user_id": "broken"}]}'}),
    (
        "POST",
        "/v1/events",
        {
            "headers": bearer("e", **{"content-type": "application/x-ndjson"}),
            "content": b'{"a": 1}\n{"b": 2}\n',
        },
    ),
    ("POST", "/v1/events", {"headers": bearer("r"), "content": EVENTS}),
]
LEFT_TO_THE_APPLICATION: list[tuple[str, str, dict[str, Any]]] = [
    ("HEAD", LIST, {"headers": bearer("r")}),
    ("DELETE", "/v1/events", {"headers": bearer("e")}),
    ("POST", "/v1/events?x=1", {"headers": bearer("e"), "content": EVENTS}),
    ("GET", LIST, {"headers": bearer("r"), "content": b"{}"}),
    (
        "POST",
        "/v1/events",
        {"headers": bearer("e", **{"content-encoding": "gzip"}), "content": gzip.compress(EVENTS)},
    ),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": iter([EVENTS[:9], EVENTS[9:]])}),
    ("POST", "/v1/events", {"headers": bearer("e"), "content": b"x" * (Settings().serve.max_body + 1)}),
    ("GET", LIST, {"headers": bearer("r", connection="close")}),
    ("GET", "/v1/items/x/similar", {}),
]


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    assert len(answer.headers["x-request-id"]) == 32
    assert "GMT" in answer.headers["date"]
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize(("method", "path", "more"), PLAIN)
def test_the_answer_is_that_of_the_application(
    both: tuple[Served, Served], method: str, path: str, more: dict[str, Any]
) -> None:
    for one in both:
        one.long.clear()
    short, long = [told(one.ask(method, path, **more)) for one in both]
    assert short == long
    assert (both[0].long, both[1].long) == ([], [method])
    ours, theirs = [one.lines()[-1] | {"ms": 0, "request_id": ""} for one in both]
    assert ours | {"fault": ""} == theirs | {"fault": ""}
    assert ("fault" in ours) == ("fault" in theirs) == (short[0] >= 500)
    assert b"secret" not in short[1]


@pytest.mark.parametrize(("method", "path", "more"), LEFT_TO_THE_APPLICATION)
def test_what_is_not_plain_is_left_to_the_application(
    served: Served, method: str, path: str, more: dict[str, Any]
) -> None:
    assert served.ask(method, path, **more).status_code < 500
    assert served.long == [method]


def test_counters_count_both(both: tuple[Served, Served]) -> None:
    for one in both:
        before = one.ask("GET", "/metrics").text
        for method, path, more in PLAIN:
            one.ask(method, path, **more)
        after = one.ask("GET", "/metrics").text
        name = (
            'penchant_requests_total{method="GET",route="/v1/users/{user_id}/recommendations",status="200"}'
        )

        def of(text: str, name: str = name) -> float:
            return float(
                next((line for line in text.splitlines() if line.startswith(name)), "0 0").split()[-1]
            )

        assert of(after) - of(before) == 4


def head(path: str, *more: str, method: str = "GET", key: str = "a") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: shop", f"authorization: Bearer {key}", *more, "", ""]
    return "\r\n".join(lines).encode()


def bodies(heard: bytes) -> list[bytes]:
    """First item of each answer, in their order."""
    return [part.partition(b'"')[0] for part in heard.split(b'"item_id":"')[1:]]


def test_what_is_sent_at_once_is_answered_in_order(served: Served) -> None:
    asked = [head(f"/v1/users/u{n}/recommendations?n=1") for n in range(5)]
    asked[2] = head("/healthz")
    heard = served.send(b"".join(asked), answers=5)
    assert bodies(heard) == [b"u0-0", b"u1-0", b"u3-0", b"u4-0"]
    assert heard.index(b"u1-0") < heard.index(b"alive") < heard.index(b"u3-0")


def test_a_body_may_come_in_pieces(served: Served) -> None:
    body = json.dumps({"events": [{"user_id": "u", "type": "view"}] * 900}).encode() + b" " * 20_000
    begun = head("/v1/events", f"content-length: {len(body)}", method="POST")
    heard = served.send(begun, body[:100], body[100:30_000], body[30_000:])
    assert b'"accepted":900' in heard
    assert served.long == []


def test_who_hangs_up_before_the_end_has_said_nothing(served: Served) -> None:
    served.fake.seen.clear()
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(head("/v1/events", f"content-length: {len(EVENTS)}", method="POST") + EVENTS[:20])
        time.sleep(0.1)
    assert served.ask("GET", LIST, headers=bearer("r")).status_code == 200
    assert served.fake.seen == []
    assert served.ask("POST", "/v1/events", headers=bearer("e"), content=EVENTS).status_code == 200
    assert served.fake.seen == json.loads(EVENTS)["events"]


def test_it_counts_from_its_head_on_and_no_longer_than_its_line(served: Served) -> None:
    def under_way(wanted: int) -> bool:
        until = time.monotonic() + 10
        while served.load._now[False] != wanted and time.monotonic() < until:
            time.sleep(0.01)
        return served.load._now[False] == wanted

    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(head("/v1/events", f"content-length: {len(EVENTS)}", method="POST"))
        assert under_way(1)
        line.sendall(EVENTS)
        assert b"200 OK" in line.recv(65_536)
        assert under_way(0)
        line.sendall(head("/v1/events", f"content-length: {len(EVENTS)}", method="POST"))
        assert under_way(1)
    assert under_way(0)


def test_a_log_that_is_full_keeps_nobody_from_an_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(served.log, "write", full)
    assert served.ask("GET", LIST, headers=bearer("r")).status_code == 200
    assert served.ask("GET", "/healthz").status_code == 200


def test_who_reads_nothing_is_answered_no_further(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.settimeout(1.0)
        before, sent = len(served.lines()), 0
        asked = head("/v1/users/u/recommendations?n=200")
        try:
            while sent < 3_000:
                line.sendall(asked)
                sent += 1
        except TimeoutError:
            pass
        time.sleep(0.5)
        answered = len(served.lines()) - before
    assert answered < 2_000, "some 20 KB each would wait in memory for a client that never reads"


def test_a_length_that_is_no_number_or_told_twice_is_not_taken() -> None:
    short = Short(MagicMock(), MagicMock(), MagicMock())

    def takes(*headers: tuple[bytes, bytes], url: bytes = b"/v1/events") -> bool:
        return short.takes("POST", url, list(headers)) is not None

    assert takes((b"content-length", b"%d" % MOST_BODY))
    assert not takes((b"content-length", b"%d" % (MOST_BODY + 1)))
    assert not takes((b"content-length", b"+1"))
    assert not takes((b"content-length", b"9" * 5_000))
    assert not takes((b"content-length", b"1"), (b"content-length", b"2"))
    assert not takes((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b"))
    assert short.takes("GET", "/v1/users/é/recommendations".encode(), []) is None
    assert short.takes("GET", b"http://shop/v1/users/u/recommendations", []) is None


def test_a_server_that_shuts_down_answers_first_and_lets_go() -> None:
    one, answers = Served(short=True), list[bytes]()
    try:
        asking = threading.Thread(
            target=lambda: answers.append(one.send(head("/v1/users/slow/recommendations")))
        )
        asking.start()
        assert BEGUN.wait(10)
        one.server.should_exit = True
        time.sleep(0.3)
        GO_ON.set()
        asking.join()
    finally:
        GO_ON.set()
        one.close()
    assert b"200 OK" in answers[0]
    assert b"connection: close" in answers[0]


def test_requests_that_come_together_share_the_work_and_a_bad_one_spoils_none(served: Served) -> None:
    async def go() -> list[int]:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", trust_env=False) as client:
            people = ["u", "broken", "v", "thread", "w"] * 6
            asked = [client.get(f"/v1/users/{name}/recommendations", headers=bearer("r")) for name in people]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(go()) == [200, 500, 200, 200, 200] * 6
