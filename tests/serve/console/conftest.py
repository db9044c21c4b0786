"""A shop that is made up, its console over HTTP, and somebody who signed in."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from penchant.serve.console.routes import console_routes

sys.path.insert(0, str(Path(__file__).parent))
import console_fakes as fakes


@pytest.fixture
def shop() -> fakes.Shop:
    return fakes.Shop()


@pytest.fixture
def client(shop: fakes.Shop) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=console_routes(shop)), follow_redirects=False) as client:
        yield client


@pytest.fixture
def inside(client: TestClient) -> TestClient:
    assert client.get(f"/console?token={fakes.TOKEN}").status_code == 303
    return client
