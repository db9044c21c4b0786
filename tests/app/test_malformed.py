"""Ten thousand malformed events over HTTP and from files: told, kept with a reason, repaired, replayed."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.app.commands import copy_of, run
from tests.app.malformed import COLUMNS, Record, broken_row, csv_row, good, json_line, spoilt

from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.serve.app import create_app
from penchant.testing.fakes import FakeTextEncoder

BATCH = 500
EVERY = 3
"""Every third event is spoilt; those that are not must come in."""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def over_http(folder: Path, sent: list[tuple[Record, Record | None]]) -> None:
    """Each good record, or in its place what became of it."""
    serving = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    client = TestClient(create_app(serving, serving.shop.clock, io.StringIO()))
    client.headers["authorization"] = f"Bearer {serving.shop.keys.create(['events'], 0.0)}"
    for start in range(0, len(sent), BATCH):
        part = sent[start : start + BATCH]
        answer = client.post(
            "/v1/events", json={"events": [was if bad is None else bad for was, bad in part]}
        )
        assert answer.status_code == 200, answer.text
        bad = [index for index, (_, one) in enumerate(part) if one is not None]
        refused = answer.json()["rejected"]
        taken = set(bad) - {one["index"] for one in refused}
        assert not taken, [part[index][1] for index in sorted(taken)][:3]
        assert [one["index"] for one in refused] == bad
        assert all(one["code"] and one["message"] for one in refused)
        assert answer.json()["accepted"] == len(part) - len(bad)
    serving.close()


def a_file(
    path: Path, records: list[Record], line: Callable[[Record], bytes], broken: Callable[[Record], bytes]
) -> None:
    with path.open("wb") as file:
        if path.suffix == ".csv":
            file.write(",".join(COLUMNS).encode() + b"\n")
        for n, record in enumerate(records):
            file.write(broken(record) if n % EVERY == 1 else line(record))


def imported(folder: Path, path: Path, bad: int) -> None:
    ended = run("import", "--shop", folder, path)
    assert (ended.code, f"{bad:,} of" in ended.line) == (3, True), ended.line


def letters(folder: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, run("export-dead-letters", "--shop", folder).out.splitlines())


def repaired(letter: dict[str, Any], was: Record) -> dict[str, Any]:
    """As by somebody who looks it up in the shop's books; who it was stays hidden where that was good."""
    known = letter["pseudonym"] and letter["column"] != "user_id"
    return letter | {"record": {name: cell for name, cell in was.items() if name != "user_id" or not known}}


def told(folder: Path) -> list[str]:
    """All events, whatever their ids and the order in which they came."""
    with Shop(folder, writer=False) as shop:
        entries = shop.log.follow(0, 1_000_000)
    found = [msgspec.structs.replace(entry.event, event_id=None) for entry in entries]
    numbers = [int(event.context["n"]) for event in found]  # a text where it came in a CSV
    plain = [msgspec.structs.replace(e, context={"n": n}) for e, n in zip(found, numbers, strict=True)]
    return sorted(msgspec.json.encode(event).decode() for event in plain)


def go_wrong_and_be_mended(shop: Path, tmp_path: Path, bad: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(sum(bad))
    clean = copy_of(shop, tmp_path / "clean")
    records = [good(n, rng) for n in range(EVERY * sum(bad))]
    web, lines, rows = (
        records[EVERY * begin : EVERY * end]
        for begin, end in ((0, bad[0]), (bad[0], bad[0] + bad[1]), (bad[0] + bad[1], sum(bad)))
    )
    over_http(shop, [(was, spoilt(was, rng) if n % EVERY == 1 else None) for n, was in enumerate(web)])
    half = lambda was: json.dumps(spoilt(was, rng)).encode() if rng.random() < 0.5 else json_line(was, rng)  # noqa: E731
    a_file(
        tmp_path / "b.jsonl",
        lines,
        lambda was: json.dumps(was).encode() + b"\n",
        lambda was: half(was) + b"\n",
    )
    a_file(tmp_path / "c.csv", rows, csv_row, lambda was: broken_row(was, rng))
    imported(shop, tmp_path / "b.jsonl", bad[1])
    imported(shop, tmp_path / "c.csv", bad[2])
    kept = list(letters(shop))
    assert len(kept) == sum(bad)
    assert all(letter["code"] and letter["message"] for letter in kept)
    by_row = {"b.jsonl": lambda row: lines[row - 1], "c.csv": lambda row: rows[row - 2]}

    def was(letter: dict[str, Any]) -> Record:
        if letter["source"] == "http":
            return records[letter["record"]["n"]]
        return by_row[letter["source"]](letter["row"])

    before = told(shop)
    run("import", "--shop", shop, "--repaired")
    assert told(shop) == before, "nobody has repaired anything yet"
    mended = [json.dumps(repaired(letter, was(letter))) for letter in letters(shop)]
    (tmp_path / "mended.jsonl").write_text("\n".join(mended), "utf-8")
    assert run("import", "--shop", shop, "--repaired", tmp_path / "mended.jsonl").code == 0
    assert not list(letters(shop))
    a_file(tmp_path / "all.csv", records, csv_row, csv_row)
    assert run("import", "--shop", clean, tmp_path / "all.csv").code == 0
    assert told(shop) == told(clean)


def test_hundreds_of_malformed_events(shop: Path, tmp_path: Path) -> None:
    go_wrong_and_be_mended(shop, tmp_path, (250, 150, 100))


@pytest.mark.slow
def test_ten_thousand_malformed_events(shop: Path, tmp_path: Path) -> None:
    go_wrong_and_be_mended(shop, tmp_path, (5_000, 3_000, 2_000))
