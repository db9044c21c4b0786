"""The contracts of decisions, held by SQLite and by the fakes; and where approved prices go."""

import hmac
import json
import sqlite3
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from penchant.adapters.outlets import FolderOutlet, WebhookOutlet, read_secret
from penchant.adapters.sqlite.catalog import SqliteIdTable, SqliteItems
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.decisions import SqliteDecisions, SqliteOffered
from penchant.adapters.sqlite.schema import MIGRATIONS
from penchant.catalog.prices import PriceSince
from penchant.decide.sending import Letter
from penchant.errors import InvalidInput, PenchantError, SettingsError, StorageError, Unreachable
from penchant.events.decisions import Decision
from penchant.settings import parse_settings
from penchant.testing.decision_fakes import InMemoryDecisions, InMemoryOffered
from penchant.testing.decisions_contract import (
    DecisionLogContract,
    OfferedLogContract,
    offered,
    price,
    proposed,
)
from penchant.testing.erasable_contract import OTHER, VICTIM, ErasableContract
from penchant.types import Item

SECRET = b"a secret of the shop"


class TestDecisionsInMemory(DecisionLogContract):
    @pytest.fixture
    def log(self):
        return InMemoryDecisions()


class TestDecisionsInSqlite(DecisionLogContract):
    @pytest.fixture
    def log(self, tmp_path):
        self.database = Database(tmp_path / "shop.db", writer=True)
        self.beside = Database(tmp_path / "shop.db", writer=False)
        yield SqliteDecisions(self.database)
        self.beside.close()
        self.database.close()

    def reopened(self, log):
        return SqliteDecisions(self.beside)

    def test_they_may_be_decided_beside_the_writer(self, log):
        SqliteDecisions(self.beside).add([proposed(price("d1"))])
        assert [one.decision.id for one in log.find()] == ["d1"]

    @pytest.mark.parametrize(
        "sql", ["UPDATE decision_steps SET decision = 'x'", "DELETE FROM decision_steps"]
    )
    def test_what_happened_stays(self, log, sql):
        log.add([proposed(price("d1"))])
        with pytest.raises(InvalidInput, match="never"), self.database.write() as connection:
            connection.execute(sql)
        assert [one.decision.id for one in log.find()] == ["d1"]

    def test_a_campaign_is_kept_with_its_people_or_not_at_all(self, log):
        made = Decision(id="d1", kind="campaign", subject="spring", suggested=1.0)
        unkept = msgspec.structs.replace(offered(VICTIM, "a"), person=None)
        with pytest.raises(PenchantError):
            log.add([proposed(made)], None, {"d1": [offered(OTHER), unkept]})
        assert log.get("d1") is None
        assert SqliteOffered(self.database).of("d1") == []
        log.add([proposed(made)], None, {"d1": [offered(VICTIM, "a")]})
        assert SqliteOffered(self.beside).of("d1") == [offered(VICTIM, "a")]

    def test_a_decision_begins_once(self, log):
        log.add([proposed(price("d1"))])
        with pytest.raises(InvalidInput):
            log.add([proposed(price("d1", suggested=9.0))])
        assert [one.value for one in log.find()] == [3.2]


class TestOfferedInMemory(OfferedLogContract, ErasableContract):
    @pytest.fixture
    def offers(self):
        return InMemoryOffered()

    @pytest.fixture
    def held(self, offers):
        return offers, lambda person: offers.add("d1", [offered(person, "a")])


class TestOfferedInSqlite(OfferedLogContract, ErasableContract):
    @pytest.fixture
    def offers(self, tmp_path):
        database = Database(tmp_path / "shop.db", writer=True)
        yield SqliteOffered(database)
        database.close()

    @pytest.fixture
    def held(self, offers):
        return offers, lambda person: offers.add("d1", [offered(person, "a")])

    def test_what_a_guest_was_offered_goes_up_to_the_login(self, offers):
        offers.add("d1", [offered(VICTIM, "a")])
        assert offers.erase_until(VICTIM, 0.5) == 0
        assert offers.erase_until(VICTIM, 1.0) == 1
        assert offers.of("d1") == []


def test_what_items_cost_before_prices_were_kept_counts(tmp_path):
    """A shop of before: the migration keeps the prices of its catalogue, without a time."""
    database = Database(tmp_path / "shop.db", writer=True)
    items = SqliteItems(database, SqliteIdTable(database))
    items.upsert([Item(item_id="tea", price=3.5), Item(item_id="gift")])
    database.close()
    with sqlite3.connect(tmp_path / "shop.db") as old:
        for table in ("decision_steps", "decisions_now", "offered", "prices", "follows"):
            old.execute(f"DROP TABLE {table}")
        old.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 3}")
    old.close()
    database = Database(tmp_path / "shop.db", writer=True)
    items = SqliteItems(database, SqliteIdTable(database), lambda: 50.0)
    items.upsert([Item(item_id="tea", price=4.0)])
    assert items.prices("tea") == [PriceSince(price=3.5), PriceSince(price=4.0, since=50.0)]
    assert items.prices("gift") == []
    database.close()


def letter(name: str, price: float = 3.2) -> Letter:
    return Letter(
        id=f"{name}-out", decision=name, item_id="tea", price=price, former=3.5, currency="CHF", back=False,
        approved_by=["Ann"], time=7.0,
    )  # fmt: skip


def of_honey(name: str) -> Letter:
    return msgspec.structs.replace(letter(name), item_id="honey")


def lines(folder):
    return [json.loads(line) for file in sorted(folder.glob("*")) for line in file.read_text().splitlines()]


def test_a_batch_is_one_whole_file_and_the_same_one_when_it_comes_again(tmp_path):
    folder = tmp_path / "deep" / "out"
    outlet, batch = FolderOutlet(folder), [letter("d1"), letter("d2")]
    for _ in range(2):
        assert list(outlet.deliver(batch)) == batch
    assert [one["id"] for one in lines(folder)] == ["d1-out", "d2-out"]
    assert lines(folder)[0] == {
        "id": "d1-out", "decision": "d1", "item_id": "tea", "price": 3.2, "former": 3.5, "currency": "CHF",
        "back": False, "approved_by": ["Ann"], "time": 7.0,
    }  # fmt: skip
    list(outlet.deliver([letter("d3")]))
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_gives_nothing(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        list(FolderOutlet(tmp_path / "out").deliver([letter("d1")]))


class Receiver:
    """An HTTP server on this machine that answers what ``answers`` says, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("location", f"{receiver.address}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def webhook(receiver: Receiver) -> WebhookOutlet:
    return WebhookOutlet(
        f"{receiver.address}/prices?shop=1", SECRET, timeout=5.0, clock=lambda: 99.0, sleep=lambda s: None
    )


def test_a_webhook_is_told_each_price_and_by_whom(receiver):
    batch = [letter("d1"), letter("d2", 3.3)]
    assert list(webhook(receiver).deliver(batch)) == batch
    (path, headers, body), second = receiver.got
    assert path == "/prices?shop=1"
    assert (headers["idempotency-key"], second[1]["idempotency-key"]) == ("d1-out", "d2-out")
    assert json.loads(body)["price"] == 3.2
    proof = hmac.new(SECRET, b"99." + body, sha256).hexdigest()
    assert headers["penchant-signature"] == f"t=99,v1={proof}"


def test_it_is_tried_again_with_the_same_key(receiver):
    receiver.answers = [503, 429]
    assert list(webhook(receiver).deliver([letter("d1")])) == [letter("d1")]
    assert [headers["idempotency-key"] for _, headers, _ in receiver.got] == ["d1-out"] * 3
    assert len({body for _, _, body in receiver.got}) == 1


@pytest.mark.parametrize("status", [302, 307, 400, 410])
def test_a_refusal_or_a_redirect_is_no_yes_and_holds_nobody_back(receiver, status):
    receiver.answers = [status]
    arrived = []
    with pytest.raises(Unreachable, match=str(status)):
        arrived += webhook(receiver).deliver([letter("d1"), of_honey("d2")])
    assert [path for path, _, _ in receiver.got] == ["/prices?shop=1"] * 2, "nobody follows a redirect"


def test_those_after_a_refusal_are_given(receiver):
    receiver.answers = [400]
    given = webhook(receiver).deliver([letter("d1"), letter("d2"), of_honey("d3")])
    assert next(given) == of_honey("d3"), "prices of one item do not overtake each other"


def test_an_address_that_no_host_can_have_is_told(receiver):
    long = WebhookOutlet(f"http://{'a' * 70}.example/", SECRET, sleep=lambda seconds: None)
    with pytest.raises(Unreachable, match="no good address"):
        list(long.deliver([letter("d1")]))


def test_a_receiver_that_is_away_is_not_asked_for_each_letter(receiver):
    receiver.answers = [503] * 9
    with pytest.raises(Unreachable, match="answers 503"):
        list(webhook(receiver).deliver([letter("d1"), of_honey("d2")]))
    assert len(receiver.got) == 3


def test_nobody_at_home(receiver):
    outlet = webhook(receiver)
    receiver.close()
    with pytest.raises(Unreachable, match="does not answer"):
        list(outlet.deliver([letter("d1")]))


def test_a_secret_is_a_file_with_something_in_it(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    assert read_secret(tmp_path / "secret") == SECRET
    (tmp_path / "short").write_bytes(b"x\n")
    for name, why in (("short", "at least 16"), ("none", "cannot be read")):
        with pytest.raises(SettingsError, match=why):
            read_secret(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("webhook = 'file:///etc/passwd'\nsecret = 's'", "http or https"),
        ("webhook = 'https://ann:pw@example.com'\nsecret = 's'", "without a password"),
        ("webhook = 'http:///x'\nsecret = 's'", "an address"),
        ("webhook = 'http://example.com:99999'\nsecret = 's'", "[Pp]ort"),
        ("webhook = 'https://example.com'", "needs the file of a secret"),
        ("webhook = 'https://example.com'\nsecret = 's'\nfolder = 'out'", "not to both"),
        ("price_change = -0.1", ">= 0"),
    ],
)
def test_settings_that_lead_nowhere_are_refused(text, why):
    with pytest.raises(SettingsError, match=why):
        parse_settings(f"[decisions]\n{text}\n")
