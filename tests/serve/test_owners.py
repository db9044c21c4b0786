"""Who answers what: the same in every process, evenly, and what changes something always the first."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from penchant.errors import Unreachable
from penchant.serve.frames import Ask
from penchant.serve.owners import Owners, owner_of, place_of
from penchant.serve.relay import PASSED_ON

SRC = Path(__file__).parents[2] / "src"


def scope(method: str, path: str, query: bytes = b"") -> Scope:
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
        "scheme": "http", "headers": [],
    }  # fmt: skip


def test_owners_are_the_same_in_every_process_whatever_its_hash_seed() -> None:
    code = "from penchant.serve.owners import owner_of; print([owner_of(f'u{n}', 7) for n in range(50)])"
    for seed in ("0", "1"):
        environment = {"PYTHONPATH": str(SRC), "PYTHONHASHSEED": seed}
        found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert found.stdout.decode().strip() == str([owner_of(f"u{n}", 7) for n in range(50)])


@pytest.mark.parametrize("processes", [1, 2, 3, 7, 32])
def test_people_are_divided_evenly(processes: int) -> None:
    names = [*(f"user{n}" for n in range(20_000)), *(str(n) for n in range(20_000))]
    counts = Counter(owner_of(name, processes) for name in names)
    expected = len(names) / processes
    assert sorted(counts) == list(range(processes))
    # Five standard deviations of a fair draw.
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


@pytest.mark.parametrize("user", ["dora", "a/b", "Zoë", "a b", "%41", "a?b", "\u2603"])
def test_a_person_has_one_owner_however_the_id_is_written(user: str) -> None:
    from urllib.parse import quote, quote_plus

    escaped = "".join(f"%{byte:02X}" for byte in user.encode())
    for written in (quote(user, safe=""), escaped):
        for what in ("recommendations", "taste"):
            assert place_of(scope("GET", f"/v1/users/{written}/{what}"), 5) == owner_of(user, 5)
    for written in (quote_plus(user), quote(user, safe=""), escaped):
        assert place_of(scope("GET", "/v1/search", f"q=x&user_id={written}".encode()), 5) == owner_of(user, 5)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/events"), ("PUT", "/v1/items"), ("DELETE", "/v1/items"), ("PATCH", "/v1/users/a/taste"),
        ("PUT", "/v1/users/a/consent"), ("PUT", "/v1/users/a/attributes"), ("GET", "/v1/users/a/export"),
        ("DELETE", "/v1/users/a"), ("GET", "/console"), ("POST", "/console/sign-in"), ("GET", "/readyz"),
        ("GET", "/metrics"), ("POST", "/v1/users/a/recommendations"), ("GET", "/v1/users/a/b/taste"),
        ("DELETE", "/healthz"), ("GET", "/nowhere"),
    ],
)  # fmt: skip
def test_all_else_is_asked_of_the_first(method: str, path: str) -> None:
    assert place_of(scope(method, path), 5) == 0


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/v1/items/a%2Fb/similar", "/v1/search"])
def test_what_is_about_nobody_is_answered_where_it_came(path: str) -> None:
    assert place_of(scope("GET", path, b"q=tea&n=5"), 5) is None


class Other:
    """Stands for a link."""

    def __init__(self, answers: bool = True) -> None:
        self.answers = answers
        self.asked: list[Ask] = []

    async def pass_on(self, ask: Ask, send: Send, seconds: float | None = None) -> None:
        self.asked.append(ask)
        if not self.answers:
            raise Unreachable("away")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"other", "more_body": False})


def answer(
    here: int, links: dict[int, Other], asked: Scope, *messages: Message
) -> tuple[list[Message], list[bytes]]:
    """What the client hears, and the bodies that this process's own application got."""
    import asyncio

    heard, own = list[Message](), list[bytes]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        own.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"own"})

    given = iter(messages or [{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return next(given, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        heard.append(message)

    owners = Owners(app, here=here, links=links, max_body=10)  # type: ignore[arg-type]
    asyncio.run(owners(asked, receive, send))
    return heard, own


OF_DORA = scope("GET", "/v1/users/dora/recommendations")
"""Belongs to process 1 of 3."""


def test_a_list_is_asked_of_its_owner_then_of_the_first_and_made_here_where_this_is_it() -> None:
    assert place_of(OF_DORA, 3) == 1
    for here, up, told in ((0, True, b"other"), (2, True, b"other"), (1, True, b"own"), (0, False, b"own")):
        links = {n: Other(up) for n in range(3) if n != here}
        asked = dict(OF_DORA)
        heard, _ = answer(here, links, asked)
        assert heard[-1]["body"] == told
        assert bool(asked.get(PASSED_ON)) == (told == b"other"), "who answers counts it"
    links = {0: Other(), 1: Other(answers=False)}
    heard, own = answer(2, links, dict(OF_DORA))
    assert (heard[-1]["body"], own, len(links[0].asked), len(links[1].asked)) == (b"other", [], 1, 1)


def test_what_was_passed_on_is_answered_where_it_comes_and_goes_no_further() -> None:
    links = {0: Other(), 2: Other()}
    heard, _ = answer(1, links, scope("POST", "/v1/events") | {PASSED_ON: False})
    assert heard[-1]["body"] == b"own"
    assert not links[0].asked


def test_events_are_offered_to_the_first_once_and_refused_when_it_is_away() -> None:
    links = {0: Other(answers=False), 2: Other()}
    heard, own = answer(1, links, scope("POST", "/v1/events"))
    assert (heard[0]["status"], own, len(links[0].asked), links[2].asked) == (503, [], 1, [])


def test_a_body_is_passed_on_whole_or_not_at_all() -> None:
    part = {"type": "http.request", "body": b"1234", "more_body": True}
    end = {"type": "http.request", "body": b"5", "more_body": False}
    links = {0: Other()}
    answer(1, links, scope("POST", "/v1/events"), part, end)
    assert links[0].asked[0].body == b"12345"
    heard, _ = answer(1, {0: Other()}, scope("POST", "/v1/events"), part, {"type": "http.disconnect"})
    assert heard == [], "who went away in the middle of it has sent nothing"
    links = {0: Other()}
    answer(1, links, scope("POST", "/v1/events"), *[part] * 100)
    assert links[0].asked[0].body == b"12341234123", "a byte more than any process reads: it is refused there"
