"""What is kept of a table in memory never outlives a change of it."""

import pytest

from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.mirror import MOST, Mirror
from penchant.adapters.sqlite.people import SqliteConsent
from penchant.privacy.consent import Consent
from penchant.types import Pseudonym


@pytest.fixture
def database(tmp_path):
    found = Database(tmp_path / "shop.db", writer=True)
    yield found
    found.close()


def test_a_value_is_read_once_until_it_changes(database) -> None:
    mirror, read = Mirror[int](database), []
    for _ in range(3):
        mirror.get("a", lambda: read.append("a") or len(read))
    assert read == ["a"]
    mirror.changed("b")
    assert mirror.get("a", lambda: 9) == 1
    mirror.changed("a")
    assert mirror.get("a", lambda: 9) == 9


def test_what_was_read_before_a_change_is_not_kept_after_it(database) -> None:
    mirror = Mirror[int](database)

    def slow() -> int:
        mirror.changed("a")  # Somebody writes the row while it is being read.
        return 1

    assert mirror.get("a", slow) == 1
    assert mirror.get("a", lambda: 2) == 2


def test_who_is_not_the_writer_keeps_nothing(database, tmp_path) -> None:
    reader = Database(tmp_path / "shop.db", writer=False)
    writing, reading = SqliteConsent(database), SqliteConsent(reader)
    for profiling in (False, True, False):
        writing.set(Pseudonym("p"), Consent(profiling=profiling))
        assert writing.get(Pseudonym("p")) == reading.get(Pseudonym("p")) == Consent(profiling=profiling)
    reader.close()


def test_it_is_bounded(database) -> None:
    mirror, read = Mirror[int](database), []
    for n in range(MOST + 1):
        mirror.get(str(n), lambda: 0)
    mirror.get(str(MOST), lambda: read.append("kept") or 0)
    mirror.get("0", lambda: read.append("forgotten") or 0)
    assert read == ["forgotten"]
