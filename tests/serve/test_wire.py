"""Raw bytes to a real server: what is no request, or half of one, is refused soon and costs little."""

import gzip
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serve.shops import make_shop

SRC = Path(__file__).parents[2] / "src"
SERVER = """
import sys
from pathlib import Path
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.serve import wire
from penchant.serve.app import create_app
from penchant.serve.run import bound, run
from penchant.testing.fakes import FakeTextEncoder
wire.Bounds.seconds = 2.0
serving = Serving(Shop(Path(sys.argv[1]), writer=True, encoder=FakeTextEncoder()))
key = serving.shop.keys.create(["admin"], 0.0)
door = bound("127.0.0.1", 0)
port = door.getsockname()[1]
run(create_app(serving, serving.shop.clock), door, lambda: print(port, key, flush=True), serving.close)
"""
MIB = 1024 * 1024
CLOSE = "connection: close"
GOOD = {"user_id": "anna", "item_id": "milk", "type": "view", "timestamp": 1_700_000_000}


class Door:
    """A server in a process of its own, and what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(make_shop(folder / "shop"))],
                stdout=subprocess.PIPE, stderr=log, text=True, env={"PYTHONPATH": str(SRC)},
            )  # fmt: skip
        assert self.process.stdout is not None
        port, self.key = self.process.stdout.readline().split()
        self.port = int(port)
        self._opened()

    def _opened(self) -> None:
        """It is ready just before its port opens."""
        until = time.monotonic() + 10
        while True:
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                assert time.monotonic() < until
                time.sleep(0.05)

    def memory(self) -> int:
        """Bytes of memory that it had at most."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text("utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def head(self, what: str, *more: str) -> bytes:
        lines = [what, "host: shop", f"authorization: Bearer {self.key}", *more, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def post(self, body: bytes, *more: str) -> bytes:
        return self.head("POST /v1/events HTTP/1.1", f"content-length: {len(body)}", *more) + body

    def says(self, sent: bytes, *, end: bool = False) -> tuple[bytes, float]:
        """All that comes back until the server closes or falls silent, and seconds until the first of it."""
        begun = time.monotonic()
        with self.connect() as line:
            try:
                line.sendall(sent)
                if end:
                    line.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It has heard enough.
            heard, first = b"", 0.0
            try:
                while part := line.recv(65_536):
                    first = first or time.monotonic() - begun
                    heard += part
                    line.settimeout(0.3)
            except OSError:
                pass
        return heard, first

    def events(self) -> int:
        answer, _ = self.says(self.head("GET /readyz HTTP/1.1", "connection: close"))
        return json.loads(answer.partition(b"\r\n\r\n")[2])["log_position"]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    found = Door(tmp_path_factory.mktemp("door"))
    try:
        found.says(found.post(json.dumps({"events": [GOOD]}).encode()))
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


@pytest.fixture(autouse=True)
def unharmed(door: Door) -> Iterator[None]:
    """After each: it answers, took nothing in, told of no fault, and took less than 64 MiB for it."""
    before, events = door.memory(), door.events()
    yield
    assert door.memory() - before < 64 * MIB
    assert door.events() == events
    log = door.log.read_text("utf-8")
    assert '"fault"' not in log, log[-2_000:]
    assert "Traceback" not in log, log[-2_000:]


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("filled", [b"", b'{"events": ['])
def test_a_small_body_that_unpacks_to_a_huge_one(door: Door, filled: bytes) -> None:
    body = gzip.compress(filled + b" " * 100 * MIB)
    assert 1_000 * len(body) < 100 * MIB
    answer, seconds = door.says(door.post(body, "content-encoding: gzip"))
    assert (status(answer), seconds < 1) == (413, True)


@pytest.mark.parametrize("depth", [100, 1_000, 100_000, 1_300_000])
@pytest.mark.parametrize("opened", ["[", '{"a":'])
@pytest.mark.parametrize("path", ["/v1/events", "/v1/items", "/v1/users/u/taste", "/v1/users/u/attributes"])
def test_json_that_is_nested_deep(door: Door, opened: str, depth: int, path: str) -> None:
    depth //= len(opened) if depth > 1_000_000 else 1
    whole = opened * depth + "1" + ("]" if opened == "[" else "}") * depth
    method = {"events": "POST", "items": "PUT", "taste": "PATCH"}.get(path.rpartition("/")[2], "PUT")
    for body in (whole, f'{{"events": [{{"extra": {whole}}}]}}'):
        sent = door.head(f"{method} {path} HTTP/1.1", f"content-length: {len(body)}", CLOSE) + body.encode()
        answer, seconds = door.says(sent)
        if path == "/v1/events" and depth == 100 and body != whole:
            assert b'"code":"missing-' in answer  # the record is refused, and kept as a dead letter
        else:
            assert status(answer) == 400, answer[-300:]
        assert seconds < 1


NAMES = [
    "../../etc/passwd",
    "..",
    "/etc/passwd",
    "a\0b",
    "..\\..\\x",
    "%2e%2e%2f",
    "C:\\x",
    "~root",
    "a\r\nx: y",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "path", ["/v1/users/{}/export", "/v1/items/{}/similar", "/v1/users/{}/recommendations"]
)
def test_an_id_is_never_a_path(door: Door, path: str, name: str) -> None:
    shop = door.log.parent / "shop"
    files = sorted(shop.rglob("*"))
    for sent in (name, "".join(f"%{byte:02x}" for byte in name.encode()), name.replace(".", "%252e")):
        answer, _ = door.says(door.head(f"GET {path.format(sent)} HTTP/1.1", CLOSE))
        assert status(answer) in (200, 400, 404, 405)
        assert b"root:" not in answer
        assert b"\r\nx: y" not in answer
    assert sorted(shop.rglob("*")) == files


@pytest.mark.parametrize(
    "path", ["/console/static/../../shop.toml", "/console/%2e%2e/%2e%2e/secret.key", "//etc/passwd"]
)
def test_no_path_leads_to_a_file(door: Door, path: str) -> None:
    answer, _ = door.says(door.head(f"GET {path} HTTP/1.1"))
    assert status(answer) in (303, 307, 400, 401, 403, 404)


@pytest.mark.parametrize(
    "head",
    [
        [f"x-{n}: y" for n in range(100_000)],
        ["x: " + "y" * 50 * MIB],
        ["x" * 5 * MIB + ": y"],
        ["cookie: " + "a=b; " * 30_000],
    ],
    ids=["many", "a long value", "a long name", "more than fits"],
)  # fmt: skip
def test_a_head_has_an_end(door: Door, head: list[str]) -> None:
    answer, seconds = door.says(door.head("GET /healthz HTTP/1.1", *head))
    assert seconds < 1
    assert not answer or status(answer) in (400, 431)


@pytest.mark.parametrize("size", [10_000, 100_000, 20 * MIB])
def test_an_address_has_an_end(door: Door, size: int) -> None:
    answer, seconds = door.says(door.head(f"GET /v1/search?q={'y' * size} HTTP/1.1"))
    assert seconds < 1
    assert not answer or status(answer) in (400, 413, 414, 431)


def slowly(door: Door, begin: bytes, drop: bytes) -> tuple[bytes, float]:
    """Something for ever; what the server says, and when it is tired of it."""
    begun, heard = time.monotonic(), b""
    with door.connect() as line:
        line.sendall(begin)
        line.settimeout(0.1)
        try:
            while time.monotonic() - begun < 8:
                line.sendall(drop)
                try:
                    part = line.recv(65_536)
                    if not part:
                        break
                    heard += part
                except TimeoutError:
                    pass
        except OSError:
            pass
    return heard, time.monotonic() - begun


@pytest.mark.parametrize("case", ["nothing", "lines", "head", "length", "chunks", "answered", "second"])
def test_who_never_ends_is_hung_up_on(door: Door, case: str) -> None:
    chunked = door.head("POST /v1/events HTTP/1.1", "transfer-encoding: chunked")
    begin, drop = {
        "nothing": (b"", b""),
        "lines": (b"", b"\r\n"),
        "head": (b"GET /healthz HTTP/1.1\r\n", b"x: y\r\n"),
        "length": (door.head("POST /v1/events HTTP/1.1", "content-length: 900000"), b"  "),
        "chunks": (chunked, b"1\r\n \r\n"),
        "answered": (chunked.replace(b"Bearer", b"Nobody"), b"1\r\n \r\n"),
        "second": (door.head("GET /healthz HTTP/1.1") + b"GET /he", b"a"),
    }[case]
    heard, seconds = slowly(door, begin, drop)
    assert 1.5 < seconds < 4
    codes = [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]
    assert codes == {"answered": [401], "second": [200, 408]}.get(case, [408])


def test_who_hangs_up_in_the_middle_is_no_fault_of_the_server(door: Door) -> None:
    with door.connect() as line:
        line.sendall(door.head("POST /v1/events HTTP/1.1", "content-length: 1000") + b"{")
        time.sleep(0.2)
    time.sleep(0.2)
    assert '"status":499' in door.log.read_text("utf-8")


BODY = json.dumps({"events": [GOOD]}).encode()
HIDDEN = b"DELETE /v1/users/anna HTTP/1.1\r\nhost: shop\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("content-length: 5", "transfer-encoding: chunked"), b"0\r\n\r\n" + HIDDEN),
        (("transfer-encoding: chunked", "content-length: 5"), b"0\r\n\r\n" + HIDDEN),
        (("content-length: 0", "content-length: 60"), HIDDEN),
        (("content-length: 0, 60",), HIDDEN),
        (("content-length: -1",), BODY),
        (("content-length: +5",), BODY),
        (("content-length: 1e3",), BODY),
        (("content-length: " + "9" * 400,), BODY),
        (("transfer-encoding: xchunked",), b"0\r\n\r\n" + HIDDEN),
        (("transfer-encoding : chunked",), b"0\r\n\r\n" + HIDDEN),
        (("transfer-encoding: chunked, identity",), b"0\r\n\r\n" + HIDDEN),
        (("transfer-encoding: chunked",), b"zz\r\n" + BODY),
        (("transfer-encoding: chunked",), b"ffffffffffffffffff\r\n" + BODY),
        (("transfer-encoding: chunked",), b"-5\r\n" + BODY),
        (("x: y\r\n transfer-encoding: chunked",), BODY),
        (("x\0: y",), BODY),
        (("x: a\0b",), BODY),
        (("x: a\rb",), BODY),
    ],
)
def test_what_two_readers_could_take_differently_is_refused(
    door: Door, lines: tuple[str, ...], body: bytes
) -> None:
    answer, _ = door.says(door.head("POST /v1/events HTTP/1.1", *lines) + body)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1, "nothing of the body was taken for a request"


@pytest.mark.parametrize("said", [len(BODY) - 5, len(BODY) + 5])
def test_a_length_that_is_a_lie_takes_nothing_in(door: Door, said: int) -> None:
    sent = door.head("POST /v1/events HTTP/1.1", f"content-length: {said}", "connection: close") + BODY
    answer, _ = door.says(sent)
    assert status(answer) in (400, 408)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\0" * 1_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"FROB / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /é HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
    ],
)
def test_what_is_no_request(door: Door, sent: bytes) -> None:
    answer, seconds = door.says(sent)
    assert (status(answer), seconds < 1) == (400, True)


def test_names_that_are_given_twice_and_other_types_of_content(door: Door) -> None:
    twice = b'{"events": [{"user_id": "anna"}], "events": [{"user_id": "ben", "user_id": "cleo"}]}'
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "x",
    ):
        answer, _ = door.says(door.post(twice, f"content-type: {kind}"))
        assert status(answer) == 200
        assert b'"rejected":[{"index":0,"code":"missing-type"' in answer, (
            "JSON is read as JSON, the last of each name"
        )
    answer, _ = door.says(door.post(BODY, "content-encoding: br"))
    assert status(answer) == 415
    answer, _ = door.says(door.head("GET /healthz HTTP/1.1", "upgrade: websocket", "connection: upgrade"))
    assert status(answer) == 200


def test_a_body_in_several_pieces_is_read_whole(door: Door) -> None:
    body = b'{"events": [' + b" " * 300_000 + b"]}"
    sent = door.post(body) + door.post(body, "connection: close")
    with door.connect() as line:
        for start in range(0, len(sent), 70_000):
            line.sendall(sent[start : start + 70_000])
            time.sleep(0.02)
        heard = b"".join(iter(lambda: line.recv(65_536), b""))
    assert heard.count(b'{"accepted":0,"duplicates":0,"rejected":[]}') == 2
