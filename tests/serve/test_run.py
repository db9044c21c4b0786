"""A real server on a loopback port: it answers, refuses a body without end, and ends cleanly."""

import gc
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from penchant.errors import Conflict, InvalidInput
from penchant.serve.run import SELDOM, _settled, bound

SERVER = """
import sys
from unittest.mock import MagicMock
import time
from penchant.serve.app import create_app
from penchant.serve.run import bound, run
from penchant.serve.services import Services
from penchant.settings import Settings
fake = MagicMock(spec=Services)
fake.settings = Settings()
fake.verify.return_value = frozenset({"admin"})
fake.warm.side_effect = lambda: print("warm", flush=True)
fake.close.side_effect = lambda: print("closed", flush=True)
fake.console_token = "t"
door = bound("127.0.0.1", int(sys.argv[1]))
run(create_app(fake, time.time), door, lambda: print("ready", flush=1), fake.close)
"""
SRC = Path(__file__).parents[2] / "src"


@contextmanager
def started(code: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of its own that serves on a free port, once it warms up; killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", code, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(SRC)})
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "warm\n"
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with started(SERVER) as (process, url):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process, url


def ask(method: str, url: str, **more: object) -> httpx.Response:
    transport = httpx.HTTPTransport(retries=3)
    with httpx.Client(transport=transport) as client:
        return client.request(method, url, headers={"authorization": "Bearer k"}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_closes_the_shop_once(
    server: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, url = server
    assert ask("GET", url + "/healthz").status_code == 200
    process.send_signal(number)
    out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (0, "closed\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_while_it_warms_up(number: signal.Signals) -> None:
    slow = SERVER.replace('print("warm", flush=True)', 'print("warm", flush=True) or time.sleep(600)')
    with started(slow) as (process, _):
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (-number, "")


def test_a_signal_after_that_and_before_the_door_is_open_ends_it_cleanly() -> None:
    """Then a server has begun other processes, which it must end."""
    slow = SERVER.replace('print("ready", flush=1)', 'print("ready", flush=1) or time.sleep(2)')
    with started(slow) as (process, _):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "closed\n")


def test_a_chunked_body_without_a_length_is_refused(server: tuple[subprocess.Popen[str], str]) -> None:
    answer = ask("POST", server[1] + "/v1/events", content=iter([b" " * 1_000_000] * 5))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")


def test_a_port_in_use_is_told_before_anything_is_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port} of 127.0.0.1 is in use.*--port"):
            bound("127.0.0.1", port)
    bound("127.0.0.1", port).close()


def test_an_address_that_is_not_ours_is_told_too() -> None:
    with pytest.raises(InvalidInput, match=r"port 80 of 192\.0\.2\.1"):
        bound("192.0.2.1", 80)


def test_while_a_server_is_open_what_stays_is_seldom_looked_at() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with _settled():
        assert gc.get_threshold() == (*before[:2], SELDOM)
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == before
