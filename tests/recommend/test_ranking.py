"""The ranker within the pipeline."""

import numpy as np
import pytest
from tests.recommend.stores import DAY, House

from penchant.errors import SnapshotRefused
from penchant.model.histories import histories_of
from penchant.model.trend import LiveTrend
from penchant.recommend.filters import SeenFilter
from penchant.recommend.personal import PersonalLists
from penchant.recommend.ranking.folder import TREES, RankerManifest, read_ranker, write_ranker
from penchant.recommend.ranking.ranker import Desk, Ranker
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.repeats import RepeatRates
from penchant.recommend.sources.choose import BUDGETS, sources
from penchant.recommend.sources.facts import Facts
from penchant.settings import RecommendSettings
from penchant.taste.corrections import Correction
from penchant.types import Item

NOW = 10 * DAY


class Planted:
    """Adds ``weight`` times one column, by name."""

    def __init__(self, desk, column, weight):
        self._at, self._weight = desk.names().index(column), weight
        self.columns = len(desk.names())

    def predict(self, matrix):
        return np.float32(self._weight) * np.nan_to_num(matrix[:, self._at])


class Broken:
    columns = 1

    def predict(self, matrix):
        raise RuntimeError("no trees")


def ranked_house(trees=None, column="item:takers", weight=-100.0):
    vectors = np.zeros((8, 4), dtype=np.float32)
    for n in range(8):
        vectors[n, n // 2] = 1.0
    house = House(vectors, settings=RecommendSettings(repeats="always"))
    facts = Facts.of(histories_of([[0, 1], [1, 0], [0, 2], [0, 3]]), 8, NOW)
    desk = Desk(facts, sources(tuple(BUDGETS), facts))
    ranking = Ranking(Ranker(desk, trees or Planted(desk, column, weight)), LiveTrend())
    house.recommender.personal = PersonalLists(SeenFilter(house.settings, RepeatRates()), None, ranking)
    return house


def test_trees_move_the_order_and_scores_say_so():
    house = ranked_house()
    house.does("p", "i0", at=NOW)
    shown = house.list("p", 8)
    assert shown[-1] == "i0"
    assert len(set(shown)) == 8
    (row,) = house.lists.rows
    scores = [item.score for item in row.items]
    assert scores == sorted(scores, reverse=True)


def test_nothing_added_is_the_order_of_taste():
    house, plain = ranked_house(weight=0.0), House(np.eye(8, dtype=np.float32))
    plain = House(house.vectors)
    for one in (house, plain):
        one.does("p", "i4", at=NOW)
    assert house.list("p", 2) == plain.list("p", 2)


def test_a_broken_ranker_leaves_the_order_of_taste(caplog):
    house = ranked_house(trees=Broken())
    house.does("p", "i4", at=NOW)
    assert house.list("p", 2) == ["i4", "i5"]
    assert house.lists.rows[0].fallback == ""
    assert house.list("p", 2, NOW + 100) == ["i4", "i5"]
    assert caplog.text.count("taste alone") == 1


def test_what_may_not_be_shown_is_not_and_wishes_hold():
    house = ranked_house(column="taste:score", weight=1.0)
    house.does("p", "i4", at=NOW)
    house.catalog.upsert([Item(item_id="i5", available=False)])
    house.corrections.set("p", [Correction(kind="item", name="i4", weight="never")])
    shown = house.list("p", 8, exclude=["i0"])
    assert not {"i4", "i5", "i0"} & set(shown)


def test_a_list_is_as_long_as_it_was_asked_for():
    house = ranked_house()
    house.does("p", "i0", at=NOW)
    assert len(house.list("p", 8)) == 8


def manifest():
    return RankerManifest(
        sources=("taste",), groups=("taste",), columns=("taste:score",), importance={"taste:score": 1.0},
        lists=1, people=1, taste=0.1, ranked=0.2, error=0.01,
    )  # fmt: skip


def test_a_ranker_is_read_as_it_was_written(tmp_path):
    write_ranker(tmp_path / "ranker", manifest(), "tree\n")
    found, trees = read_ranker(tmp_path / "ranker")
    assert trees == "tree\n"
    assert found.ranked == 0.2


def test_a_changed_byte_is_refused(tmp_path):
    folder = tmp_path / "ranker"
    for harm in (
        lambda: (folder / TREES).write_text("trees\n"),
        (folder / TREES).unlink,
        lambda: (folder / "ranker.json").write_text("{}"),
        lambda: (folder / "ranker.json").write_bytes(b"\xff"),
    ):
        write_ranker(folder, manifest(), "tree\n")
        harm()
        with pytest.raises(SnapshotRefused, match="learn it again"):
            read_ranker(folder)
