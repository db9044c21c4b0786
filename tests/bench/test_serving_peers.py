"""What stands beside Penchant in bench/serving_peers.py. Skipped where bench/peers/setup.sh was not run."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from penchant.app.shop import Shop, init_shop

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
ITEMS, PEOPLE, ASKED = 40, 60, 10


@pytest.fixture(scope="module")
def bench():
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        import servers
        import serving_peers
    finally:
        sys.path[:] = before
    return SimpleNamespace(peers=serving_peers, servers=servers)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Everybody took between five and nine items."""
    draw = np.random.default_rng(0)
    lengths = draw.integers(5, 10, PEOPLE)
    path = tmp_path_factory.mktemp("peers") / "data.npz"
    np.savez(
        path, asked=ASKED, item_ids=[f"i{number}" for number in range(ITEMS)],
        users=[f"{number:012d}" for number in range(PEOPLE)],
        offsets=np.cumsum([0, *lengths]), items=draw.integers(ITEMS, size=lengths.sum()),
    )  # fmt: skip
    return path


@pytest.fixture
def store(bench, tmp_path):
    port = bench.servers.free_port()
    process = bench.peers.redis_server(tmp_path, port)
    yield port
    process.terminate()
    process.wait(30)


def answers(bench, data, peer, *more):
    """A list before and after five views of one item, and after as many of another one."""
    command = [str(PYTHON), str(ROOT / "bench/peers/serve.py"), peer, str(data), *more]
    server = bench.servers.Server.of(command, data.with_name(f"{peer}.log"))
    try:
        client = bench.servers.Client(server.port, {"content-type": "application/json"})

        def shown():
            said = bench.servers.json.loads(client.ask("GET", "/v1/users/000000000003/recommendations?n=20"))
            return [(one["item_id"], one["score"]) for one in said["items"]]

        found = [shown()]
        for item in ("i1", "i2"):
            events = [
                {"user_id": "000000000003", "item_id": item, "type": "view", "timestamp": 1.0}
                for _ in range(5)
            ]
            client.ask("POST", "/v1/events", {"events": events})
            found.append(shown())
        client.connection.close()
    finally:
        server.stop()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["implicit", "rectools"])
def test_a_peer_answers_with_a_list_of_its_own_that_follows_events(bench, data, peer):
    if why := bench.peers.missing([peer]):
        pytest.skip(why[peer])
    first, one, other = answers(bench, data, peer)
    assert len(first) == len(one) == len(other) == 20
    assert first != one != other
    assert len({item for item, _ in first}) == 20


@pytest.mark.slow
def test_redis_looks_up_what_was_made_before(bench, data, request):
    if why := bench.peers.missing(["redis"]):
        pytest.skip(why["redis"])
    port = request.getfixturevalue("store")
    first, one, other = answers(bench, data, "redis", "--redis", str(port))
    assert first == one == other
    assert [score for _, score in first] == list(range(ITEMS - 1, ITEMS - 21, -1))
    assert bench.peers.looked_up(port, 1)["per_s"] > 0


def test_what_is_missing_is_named(bench, monkeypatch):
    monkeypatch.setattr(bench.peers, "PEERS_PYTHON", Path("/nowhere"))
    assert "setup.sh" in bench.peers.missing(["implicit"])["implicit"]
    monkeypatch.setattr(bench.peers, "PEERS_PYTHON", Path(shutil.which("true") or "/bin/true"))
    monkeypatch.setattr(bench.peers.shutil, "which", lambda _: None)
    assert bench.peers.missing(["implicit"]) == {}
    assert "redis-server" in bench.peers.missing(["redis"])["redis"]


def test_made_up_people_have_the_same_histories_in_the_shop_and_in_the_peers_file(
    bench, tmp_path, monkeypatch
):
    from penchant.types import Item

    monkeypatch.setattr(bench.peers, "PEOPLE", 3)
    init_shop(tmp_path / "shop")
    with Shop(tmp_path / "shop", writer=True) as shop:
        shop.items.upsert([Item(item_id=f"i{number}", title="thing") for number in range(5)])
        shop.assign_ids()
        shop.intake().accept(
            [
                {"user_id": f"u{one}", "item_id": f"i{(one + n) % 5}", "type": "view", "timestamp": 1e9 + n}
                for one in range(4) for n in range(one + 1)
            ] + [{"user_id": "u0", "item_id": "unknown", "type": "view", "timestamp": 1e9}]
        )  # fmt: skip
    names = bench.peers.peopled(tmp_path)
    with np.load(tmp_path / "data.npz", allow_pickle=False) as file:
        users, offsets, items, ids = (file[name] for name in ("users", "offsets", "items", "item_ids"))
    assert users[:3].tolist() == names == ["000000000000", "000000000001", "000000000002"]
    assert np.diff(offsets).sum() == len(items)
    assert sorted(np.diff(offsets)[3:].tolist()) == [1, 2, 3, 4]
    with Shop(tmp_path / "shop", writer=False) as shop:
        for number, name in enumerate(names):
            known = [entry.event.item_id for entry in shop.log.of_user(shop.pseudonymizer.pseudonym(name))]
            assert known == ids[items[offsets[number] : offsets[number + 1]]].tolist()
