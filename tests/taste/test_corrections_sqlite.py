from penchant.adapters.sqlite.corrections import SqliteCorrections
from penchant.adapters.sqlite.database import Database
from penchant.privacy.erasure import Erasable
from penchant.taste.corrections import Correction
from penchant.taste.disregarded import Disregarded

WISHES = (
    Correction(kind="category", name="Dairy", weight="less"),
    Correction(kind="item", name="7", weight="never"),
)


def test_wishes_last_and_go_for_good(tmp_path):
    path = tmp_path / "shop.db"
    database = Database(path, writer=True)
    store = SqliteCorrections(database)
    assert isinstance(store, Erasable)
    assert store.get("p") == ()
    store.set("p", WISHES)
    database.close()
    database = Database(path, writer=True)
    store = SqliteCorrections(database)
    assert store.get("p") == WISHES
    assert store.export_person("p")[1] == {"kind": "item", "name": "7", "weight": "never"}
    assert (store.erase_person("p"), store.erase_person("p")) == (2, 0)
    database.close()
    assert b"Dairy" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_rows_of_before_there_was_more_than_wishes_are_read(tmp_path):
    database = Database(tmp_path / "shop.db", writer=True)
    with database.write() as connection:
        old = b'[{"kind":"brand","name":"the \\"disregarded\\"","weight":"less"}]'
        connection.execute("INSERT INTO corrections VALUES ('p', ?)", (old,))
    store = SqliteCorrections(database)
    assert store.get("p") == (Correction(kind="brand", name='the "disregarded"', weight="less"),)
    assert (store.disregarded("p"), store.all_disregarded()) == (Disregarded(), {})
    store.disregard("p", Disregarded(forgotten=(3,)))
    assert len(store.get("p")) == 1
    assert store.all_disregarded() == {"p": Disregarded(forgotten=(3,))}
    database.close()
