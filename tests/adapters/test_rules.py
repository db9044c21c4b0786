"""The contracts of rules, held by zen-engine, by SQLite and by the fakes; and what each does besides."""

import sqlite3

import pytest

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.rules import SqliteRules
from penchant.adapters.zen_rules import ZenRules
from penchant.errors import InvalidInput
from penchant.recommend.rules.compiled import compiled
from penchant.recommend.rules.document import InvalidRules, document_of
from penchant.recommend.rules.port import Condition
from penchant.testing.rule_fakes import InMemoryRules, ListedValues
from penchant.testing.rules_contract import RuleEngineContract, RuleStoreContract, change
from penchant.types import Item


class TestZen(RuleEngineContract):
    @pytest.fixture
    def engine(self):
        return ZenRules()


class TestListedValues(RuleEngineContract):
    @pytest.fixture
    def engine(self):
        return ListedValues()


class TestInMemoryRules(RuleStoreContract):
    @pytest.fixture
    def store(self):
        return InMemoryRules()


class TestSqliteRules(RuleStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        self.database = Database(tmp_path / "shop.db", writer=True)
        self.beside = Database(tmp_path / "shop.db", writer=False)
        yield SqliteRules(self.database)
        self.beside.close()
        self.database.close()

    def reopened(self, store):
        return SqliteRules(self.beside)

    def test_they_may_be_changed_beside_the_writer(self, store):
        store.add(change("server", b"{}"), 0)
        SqliteRules(self.beside).add(change("command", b"[]"), 1)
        assert [one.author for one in store.history()] == ["command", "server"]

    @pytest.mark.parametrize("sql", ["UPDATE rules SET author = 'x'", "DELETE FROM rules"])
    def test_what_was_said_once_stays(self, store, sql):
        store.add(change("ann", b"{}"), 0)
        with pytest.raises(InvalidInput, match="never"), self.database.write() as connection:
            connection.execute(sql)
        assert [one.author for one in store.history()] == ["ann"]


def test_a_shop_of_before_gets_the_table(tmp_path):
    """The four migrations of before, then ours."""
    Database(tmp_path / "shop.db", writer=True).close()
    with sqlite3.connect(tmp_path / "shop.db") as old:
        for table in (
            "rules", "guests", "offers", "exposures", "stock", "decision_steps", "decisions_now", "offered",
            "prices", "follows",
        ):  # fmt: skip
            old.execute(f"DROP TABLE {table}")
        old.execute("DELETE FROM counters WHERE name IN ('offers', 'exposures', 'stock', 'follows')")
        old.execute("ALTER TABLE consent DROP COLUMN experiments")
        old.execute("PRAGMA user_version = 4")
    old.close()
    database = Database(tmp_path / "shop.db", writer=True)
    assert SqliteRules(database).newest() == 0
    database.close()


@pytest.mark.parametrize(
    ("cell", "field", "expected"),
    [
        ("> 10", "item.price", [True, False]),
        ("[5..13]", "item.price", [True, False]),
        ('startsWith($, "Nail")', "item.category", [True, False]),
        ('not in ["OPI"]', "item.brand", [False, True]),
        ('item.price > 10 and item.brand == "OPI"', "", [True, False]),
        ('contains(item.title, "matt") or item.attributes.new == true', "", [False, True]),
    ],
)
def test_what_zen_reads_in_a_cell(cell, field, expected):
    items = [
        {
            "item": {
                "title": "red",
                "brand": "OPI",
                "category": "Nails > Polish",
                "price": 12.0,
                "attributes": {},
            }
        },
        {"item": {"title": "", "brand": "Essie", "category": "", "price": None, "attributes": {"new": True}}},
    ]
    assert ZenRules().fault(cell, unary=bool(field)) == ""
    found = ZenRules().matcher([Condition(field, (cell,))], 1).of_each(items)
    assert found[:, 0].tolist() == expected


def test_a_function_node_never_reaches_zen():
    node = b'{"id":"f","type":"functionNode","name":"evil","content":{"source":"export const handler = 1"}}'
    document = document_of([]).replace(b'"nodes":[', b'"nodes":[' + node + b",")
    with pytest.raises(InvalidRules, match=r"'evil' is a functionNode.*no code is run"):
        compiled(document, ZenRules())


def test_odd_items_are_asked_all_the_same():
    rows = [{"rule": '"r"', "action": '"exclude"', "brand": '"a\\"b"'.replace('\\"', "'")}]
    rules = compiled(document_of(rows), ZenRules())
    odd = [Item(item_id="\x00", brand="a'b", title="\ud83d\ude00"[0:0]), Item(item_id="x", price=1e300)]
    assert rules.of_items(odd)[:, 0].tolist() == [True, False]
