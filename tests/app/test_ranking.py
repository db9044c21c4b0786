"""A shop's ranker: learned of the last weeks, kept, read when a server starts, refused where it is broken."""

import shutil

import numpy as np
import pytest
from tests.learn.tiny_shop import TRAINED, add, events, make

from penchant.adapters import lightgbm_library
from penchant.app import nightly, ranking, work
from penchant.app.backup import back_up, restore
from penchant.app.engine import Engine
from penchant.app.learning import learn_now
from penchant.app.shop import Shop
from penchant.app.tomltext import write_values
from penchant.cli import parser
from penchant.errors import MissingExtra, NotEnoughData
from penchant.learn import ranking as ranking_lists
from penchant.learn.ranking import Verdict
from penchant.privacy.consent import Consent
from penchant.recommend.ranking.folder import TREES, read_ranker
from penchant.taste.disregarded import Disregarded
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Pseudonym
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


def test_what_is_not_surely_better_does_not_serve(folder, learn):
    plain = lists_of(folder)
    learn()
    assert read_ranker(folder / ranking.FOLDER)[0].lists > 0
    found = learn(trees=0)
    assert not found.verdict.trees
    kept = read_ranker(folder / ranking.FOLDER)[0]
    assert (kept.serves, kept.ranked, kept.importance) == (False, 0.2, {})
    assert lists_of(folder) == plain


@pytest.fixture
def engine(folder, learn):
    learn()
    with opened(folder) as shop:
        made = Engine(shop)
        made.rankers._rests_until = 0.0
        yield made
        made.close()


def neighbours(engine):
    """Rows that any item's neighbours name, and how many took each item."""
    facts = engine.rankers.ranking._ranker.desk.facts
    return facts.takers.copy()


@pytest.mark.parametrize("way", ["erased", "opted out", "forgotten"])
def test_what_counts_no_more_leaves_the_facts_of_a_server_that_runs(engine, way):
    shop, before = engine._shop, neighbours(engine)
    bought = [one for one in shop.log.follow(0, 9_000) if one.event.type.value == "purchase"]
    person = Pseudonym(bought[0].event.user_id)
    rows = {shop.ids.rows([one.event.item_id])[0] for one in bought if one.event.user_id == person}
    engine.look()
    assert neighbours(engine).tolist() == before.tolist(), "nothing was taken back, nothing is read"
    if way == "erased":
        engine.let_go(person)
        shop.rights().erase(person, shop.clock())
        engine.gone(person)
    elif way == "opted out":
        engine.consent_comes(person, wanted=False)
        shop.consent.set(person, Consent(profiling=False))
        engine.consent_came(person, before=True, now=False)
    else:
        engine.let_go(person)
        places = tuple(one.position for one in shop.log.of_user(person))
        shop.corrections.disregard(person, Disregarded(forgotten=places))
        engine.consent_came(person, before=False, now=True)
    engine.look()
    after = neighbours(engine)
    assert sorted(np.flatnonzero(before - after).tolist()) == sorted(rows)
    assert engine.recommender.personal._ranking is engine.rankers.ranking
    engine.rankers.taken_back()
    engine.look()
    assert engine.rankers._answered < engine.rankers._asked, "readings are apart"


def test_a_server_that_runs_takes_another_ranker_and_none(engine, folder, learn):
    def serving():
        engine.rankers._rests_until = 0.0
        engine.look()
        return engine.recommender.personal._ranking

    first = serving()
    trees = folder / ranking.FOLDER / TREES
    whole = trees.read_bytes()
    trees.write_bytes(whole[:-10])
    assert serving() is None
    trees.write_bytes(whole)
    assert serving() not in {None, first}
    shutil.rmtree(folder / ranking.FOLDER)
    assert serving() is None


def test_it_comes_along_in_a_backup_and_not_to_a_moment_of_the_past(folder, learn, tmp_path):
    learn()
    with Shop(folder, writer=False) as shop:
        back_up(shop, tmp_path / "b.tar")
        now = shop.clock()
    kept = read_ranker(folder / ranking.FOLDER)
    for name, until in (("all", None), ("past", now)):
        restore(tmp_path / "b.tar", tmp_path / name, until=until, clock=lambda: now, tell=silent)
    assert read_ranker(tmp_path / "all" / ranking.FOLDER) == kept
    assert not (tmp_path / "past" / ranking.FOLDER).exists()
    (folder / ranking.FOLDER / TREES).write_bytes(b"broken")
    with Shop(folder, writer=False) as shop:
        back_up(shop, tmp_path / "c.tar")
    restore(tmp_path / "c.tar", tmp_path / "none", clock=lambda: now, tell=silent)
    assert not (tmp_path / "none" / ranking.FOLDER).exists()


def test_a_nightly_pass_learns_the_shops_ranker_anew_once_a_week(folder, learn, monkeypatch):
    learn()
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    with opened(folder) as shop:
        add(shop, events()[TRAINED : TRAINED + 600])
    made = read_ranker(folder / ranking.FOLDER)[0].made
    monkeypatch.setattr(nightly, "LEARN", lambda model, job, seed: model)
    assert learn_now(folder, silent).ranker == "", "it is new"
    monkeypatch.setattr(nightly, "RANKER_SECONDS", 0.0)
    with opened(folder) as shop:
        add(shop, events()[TRAINED + 600 : TRAINED + 1_200])
    outcome = learn_now(folder, silent)
    assert outcome.ranker.startswith("the ranker was learned anew: NDCG@10 0.1000 by taste alone, 0.2000")
    assert outcome.ranker in outcome.words()
    assert read_ranker(folder / ranking.FOLDER)[0].made > made
    with opened(folder) as shop:
        add(shop, events()[TRAINED + 1_200 : TRAINED + 1_800])
    monkeypatch.setattr(ranking_lists, "LEAST", 10**6)
    assert "was not learned anew: a ranker needs 1000000" in learn_now(folder, silent).ranker
    shutil.rmtree(folder / ranking.FOLDER)
    with opened(folder) as shop:
        add(shop, events()[TRAINED + 1_800 :])
    assert learn_now(folder, silent).ranker == "", "who has none is given none"


def test_whatever_goes_wrong_with_the_ranker_the_pass_stands(made, folder, monkeypatch, caplog):
    def broken(path):
        raise ValueError("unforeseen")

    monkeypatch.setattr(nightly, "read_ranker", broken)
    (folder / ranking.FOLDER).mkdir()
    with opened(folder) as shop:
        found = nightly._rank_again(shop, made[1], silent, 0.0)
    assert found == "the ranker was not learned anew: ValueError: unforeseen"
    assert "could not be learned anew" in caplog.text


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
