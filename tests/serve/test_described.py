"""What the description says can be sent, and what it says cannot: never an error of the server's own.

A few examples of each operation. Five hundred of each, which takes some ten minutes:
``PENCHANT_EXAMPLES=500 python -m pytest tests/serve/test_described.py -q -s``, which prints the statuses too.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from starlette.testclient import TestClient
from tests.serve.shops import behind_the_door, make_shop

from penchant.serve.describe import OPERATIONS, description

EXAMPLES = int(os.environ.get("PENCHANT_EXAMPLES", "16"))
SCHEMA = schemathesis.openapi.from_dict(description())
LABELS = [(method.upper(), path) for method, path, *_ in OPERATIONS]
ITEM = "tea"
"""One that the shop has: by chance nothing would be found."""
ASKED_FOR = ("healthz", "readyz", "metrics")
"""Nothing can be said to them."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    found, serving = behind_the_door(make_shop(tmp_path_factory.mktemp("shops") / "shop"))
    try:
        with found:
            yield found
    finally:
        serving.close()


def sent(client: TestClient, case: Case) -> httpx.Response:
    """The answer, asked with a key that is good."""
    asked: dict[str, Any] = case.as_transport_kwargs(base_url="http://testserver")
    headers = {name: value for name, value in asked["headers"].items() if name.lower() != "authorization"}
    body = {"content" if name == "data" else name: asked[name] for name in ("json", "data") if name in asked}
    return client.request(
        asked["method"], asked["url"], params=asked.get("params"), headers=headers, follow_redirects=False,
        **body,
    )  # fmt: skip


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value
)
@pytest.mark.parametrize(("method", "path"), LABELS)
def test_whatever_is_sent_is_answered(
    client: TestClient, method: str, path: str, mode: GenerationMode
) -> None:
    nothing = path[1:] in ASKED_FOR
    if nothing and mode is GenerationMode.NEGATIVE:
        pytest.skip("it takes nothing that could be wrong")
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=EXAMPLES < 100,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(case=SCHEMA[path][method].as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        if "item_id" in case.path_parameters and statuses.total() % 2:
            case.path_parameters["item_id"] = ITEM
        answer = sent(client, case)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"code", "message"}

    check()
    # Asked by hand only: pytest keeps it back otherwise.
    print(f"{method} {path} {mode.value}: {dict(sorted(statuses.items()))}", file=sys.stderr)
