"""A shop's ranker: learned of the last weeks, kept, read when a server starts, refused where it is broken."""

import shutil

import pytest
from tests.learn.tiny_shop import make

from penchant.adapters import lightgbm_library
from penchant.app import ranking, work
from penchant.app.engine import Engine
from penchant.app.shop import Shop
from penchant.app.tomltext import write_values
from penchant.cli import parser
from penchant.errors import MissingExtra, NotEnoughData
from penchant.learn import ranking as ranking_lists
from penchant.learn.ranking import Verdict
from penchant.recommend.ranking.folder import TREES, read_ranker
from penchant.testing.fakes import FakeTextEncoder
from penchant.verbs.model import train


def silent(*_):
    pass


def told(trees):
    """A verdict that hangs on nothing: what is judged has tests of its own."""
    return lambda lists, grow, most: Verdict(
        trees=trees, best=20, lists=len(lists), people=1, taste=0.1, ranked=0.2, error=0.0, curve=()
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop, and what a ranker learns from."""
    folder = make(tmp_path_factory.mktemp("shops") / "one")
    with opened(folder) as shop:
        given = work.material(shop, silent)
        split = ranking.cut_of(given)
        early = work.train_model(shop, given, silent, until=split.start)
    return folder, given, split, early


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "shop")


def opened(folder):
    return Shop(folder, writer=True, encoder=FakeTextEncoder())


@pytest.fixture
def learn(made, folder, monkeypatch):
    def learned(trees=20):
        monkeypatch.setattr(ranking, "judged", told(trees))
        with opened(folder) as shop:
            return ranking.learn_ranker(shop, *made[1:], silent)

    return learned


def lists_of(folder):
    """The ranker's stage is there or not, and lists of everybody who is known."""
    with opened(folder) as shop:
        engine = Engine(shop)
        try:
            people = sorted({entry.event.user_id for entry in shop.log.follow(0, 500)})[:40]
            now = max(entry.event.timestamp for entry in shop.log.follow(0, 10_000))
            shown = [engine.recommender.recommend(person, 10, "home", now) for person in people]
            there = engine.recommender.personal._ranking is not None
            assert not any(one.fallback for one in shown)
            return there, [[item.item_id for item in one.items] for one in shown]
        finally:
            engine.close()


def test_a_ranker_is_learned_serves_and_is_switched_off(folder, learn):
    plain = lists_of(folder)
    assert not plain[0]
    found = learn()
    assert found.importance
    assert sum(found.importance.values()) == pytest.approx(1, abs=0.01)
    there, ranked = lists_of(folder)
    assert there
    assert ranked != plain[1]
    assert all(len(one) == len(set(one)) == 10 for one in ranked)
    write_values(folder / "shop.toml", "recommend", {"ranking": "off"})
    assert lists_of(folder) == plain


def test_other_sources_or_a_changed_byte_are_refused(folder, learn, caplog):
    plain = lists_of(folder)
    learn()
    trees = folder / ranking.FOLDER / TREES
    whole = trees.read_bytes()
    trees.write_bytes(whole[:-10])
    assert lists_of(folder) == plain
    assert "checksum" in caplog.text
    trees.write_bytes(whole)
    assert lists_of(folder)[0]
    write_values(folder / "shop.toml", "recommend", {"sources": "new"})
    assert lists_of(folder) == plain
    assert "other sources" in caplog.text


def test_what_is_not_surely_better_is_not_kept(folder, learn):
    learn()
    assert read_ranker(folder / ranking.FOLDER)[0].lists > 0
    found = learn(trees=0)
    assert not found.verdict.trees
    assert not (folder / ranking.FOLDER).exists()


def test_a_ranker_that_cannot_be_is_refused_before_anything_is_trained(made, folder, monkeypatch):
    def trained(*_, **__):
        raise AssertionError("hours were spent")

    monkeypatch.setattr(work, "train_model", trained)
    monkeypatch.setattr(work, "material", lambda shop, told: made[1])
    arguments = parser().parse_args(["train", "--shop", str(folder), "--ranker"])
    monkeypatch.setattr(ranking_lists, "LEAST", 10**6)
    with pytest.raises(NotEnoughData, match="a ranker needs 1000000 lists"):
        train(arguments)
    monkeypatch.setattr(lightgbm_library, "installed", lambda: False)
    with pytest.raises(MissingExtra, match="LightGBM"):
        train(arguments)
    assert not (folder / ranking.FOLDER).exists()
