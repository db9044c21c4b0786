from penchant.adapters.sqlite.corrections import SqliteCorrections
from penchant.adapters.sqlite.database import Database
from penchant.privacy.erasure import Erasable
from penchant.taste.corrections import Correction

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
