"""Five changes of the model under load: no error, and no answer mixed of two."""

import json
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace as replaced
from tests.app.commands import WITHOUT_LANGUAGE_MODEL, end, start

from penchant.app.shop import Shop
from penchant.model.snapshot import read_snapshot, write_snapshot
from penchant.testing.fakes import FakeTextEncoder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    """The bench's own functions and the small shop of the tests of the door."""
    before = list(sys.path)
    sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests" / "serve")]
    try:
        import shops

        import hot_swap

        # The process that asks finds its module there too.
        yield SimpleNamespace(swap=hot_swap, shops=shops)
    finally:
        sys.path[:] = before


@pytest.fixture(scope="module")
def driven(bench, tmp_path_factory):
    folder = bench.shops.make_shop(tmp_path_factory.mktemp("swaps") / "shop")
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        another(shop)
        names, users = shop.shelf.names(), bench.swap.with_history(shop)
        key = shop.keys.create(["read"], shop.clock())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ("serve", "--shop", folder, "--port", port, "--no-learn")
    log = (folder.parent / "server.log").open("w")
    process = start(*arguments, command=WITHOUT_LANGUAGE_MODEL, stderr=log)
    try:
        wait_until_open(bench, port, process)
        load = bench.swap.Load(port, key, users, 50.0, 2)
        try:
            with Shop(folder, writer=False, encoder=FakeTextEncoder()) as shop:
                took = bench.swap.swapped(shop, names, 5, lambda: bench.swap.serves(port))
        finally:
            load.stop()
    finally:
        process.send_signal(signal.SIGTERM)
        assert end(process).code == 0
        log.close()
    with Shop(folder, writer=False, encoder=FakeTextEncoder()) as shop:
        yield SimpleNamespace(truth=bench.swap.Truth(shop, names), load=load, took=took, names=names)


def another(shop):
    """A second snapshot with an encoder and scores of its own."""
    manifest, arrays = read_snapshot(shop.shelf.path(shop.shelf.current()))
    arrays["tokens.kind"] = arrays["tokens.kind"] * 2.0
    arrays["output.bias"] = arrays["output.bias"] + np.linspace(1.0, 2.0, len(arrays["output.bias"]))
    arrays["output.bias"] = arrays["output.bias"].astype(np.float32)
    write_snapshot(shop.shelf.new_path(shop.clock()), arrays, replaced(manifest, encoder_id="another"))


def wait_until_open(bench, port, process):
    latest = time.monotonic() + 120
    while True:
        try:
            return bench.swap.serves(port)
        except OSError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < latest
            time.sleep(0.05)


def test_five_swaps_cost_no_error_and_no_answer_is_mixed(bench, driven):
    row = bench.swap.table_row(driven.truth, driven.load, driven.took, 1.0)
    assert (row["swaps"], row["errors"], row["fallbacks"], row["mixed"]) == (5, 0, 0, 0)
    assert row["answers"] > 50
    assert row["told_apart"] > 0.9
    named = {json.loads(answer.body)["snapshot"] for answer in driven.load.answers}
    assert named == set(driven.names), "both served"


def test_the_check_sees_an_answer_that_is_mixed(bench, driven):
    answer = driven.load.answers[0]
    said = json.loads(answer.body)
    other = next(name for name in driven.names if name != said["snapshot"])

    def mixed(changed):
        body = json.dumps(said | changed).encode()
        return bench.swap.judged(driven.truth, replace(answer, body=body))[0]["mixed"]

    assert mixed({}) == 0
    assert mixed({"snapshot": other}) == 1
    assert mixed({"snapshot": "nobody-knows"}) == 1
    first = said["items"][0]
    alien = float(driven.truth.scores(other, answer.user, answer.time, [first["item_id"]])[0])
    assert mixed({"items": [first | {"score": alien}, *said["items"][1:]]}) == 1
