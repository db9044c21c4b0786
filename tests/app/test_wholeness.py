"""The look at all pages of the database, and erasures that come in between."""

import threading

import pytest
from tests.serve import shops

from penchant.adapters.sqlite.copies import PageCheck
from penchant.app import wholeness
from penchant.app.shop import DATABASE
from penchant.app.wholeness import Wholeness

SECONDS = 30
"""That nothing here takes."""


@pytest.fixture
def folder(tmp_path):
    return shops.make_shop(tmp_path / "shop")


@pytest.fixture
def looks(monkeypatch):
    """Every look so far. The first lasts until somebody stops it, each later one begins when it may."""
    looks = []

    class Look(PageCheck):
        def __init__(self, path):
            super().__init__(path)
            self.may, self.stopped, self.number = threading.Event(), threading.Event(), len(looks)
            looks.append(self)

        def run(self):
            assert (self.may if self.number else self.stopped).wait(SECONDS)
            super().run()

        def stop(self):
            super().stop()
            self.stopped.set()
            self.may.set()

    monkeypatch.setattr(wholeness, "PageCheck", Look)
    return looks


def test_a_look_that_an_erasure_cut_off_begins_anew_and_finds_what_is_damaged_since(folder, looks):
    _, serving = shops.behind_the_door(folder)
    try:
        serving.warm()
        serving.erase("anna")
        assert [look.stopped.is_set() for look in looks] == [True, False]
        assert serving.readiness()["reasons"] == []
        shops.damage_index(folder)
        looks[1].may.set()
        serving._engine.wholeness.join()
        (reason,) = serving.readiness()["reasons"]
        assert "shop.db is damaged" in reason
    finally:
        serving.close()


def test_each_erasure_cuts_it_off_until_one_look_was_whole(folder, looks):
    whole = Wholeness(folder / DATABASE)
    with whole.set_aside():
        whole.start()
        assert looks == [], "whoever erases is waited for"
    for number in (1, 2):
        with whole.set_aside(), whole.set_aside():
            assert len(looks) == number
            assert looks[-1].stopped.is_set()
        assert len(looks) == number + 1
    looks[-1].may.set()
    whole.join()
    with whole.set_aside():
        pass
    whole.start()
    assert len(looks) == 3, "what was looked at as a whole is not looked at again"
    assert whole.failure == ""


def test_after_the_end_nothing_is_looked_at(folder, looks):
    whole = Wholeness(folder / DATABASE)
    whole.start()
    whole.stop()
    with whole.set_aside():
        pass
    whole.start()
    assert len(looks) == 1
