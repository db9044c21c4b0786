"""The bench of what may not be shown: a few requests for real, and that it sees what is wrong."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import never


@pytest.mark.slow
@pytest.mark.parametrize("direct", [False, True])
def test_under_churn_nothing_is_shown_that_may_not_be(direct):
    (found,) = never.run(requests=120, connections=4, rate=60.0, churn=20.0, direct=direct)
    assert found["violations"] == 0, found["by_kind"]
    assert found["lists"] > 60
    assert found["changes"]["rules"] > 0
    assert found["seen"]["personal lists"] > 0
    assert found["seen"]["facts held against lists"] > 1_000


def test_what_may_not_be_there_is_counted_by_its_kind():
    world = never.World(never.Client, ["ann"], {"i1": "b1", "i2": "b2", "i3": "b3"})
    items = [{"item_id": f"i{n}", "reason": {"kind": "because-of"}} for n in (1, 2, 3)]
    held = {("sold out", "i1"), ("deleted", "i2"), ("brand", "b3"), ("wish", "ann", "i1")}
    assert sorted(never.faults(world, "ann", held, {"i2"}, items)) == [
        "deleted", "excluded by a rule", "excluded by the request", "never wanted", "sold out",
    ]  # fmt: skip
    assert never.faults(world, "bob", {("wish", "ann", "i1")}, set(), items) == []
    limited = {("limited", "b1"), ("not adult", "ann")}
    assert never.faults(world, "ann", limited, set(), items) == ["age limit"]
    assert never.faults(world, "ann", {("limited", "b1")}, set(), items) == []
    assert never.faults(world, "ann", {("stranger", "ann")}, set(), items[:1]) == ["not recognised"]
    assert never.faults(world, "ann", set(), set(), items[:1] * 2) == ["twice"]


def test_only_what_held_all_the_time_counts():
    forbidden = never.Forbidden()
    forbidden.add(("sold out", "a"), ("sold out", "b"))
    before = forbidden.now()
    forbidden.drop(("sold out", "b"))
    forbidden.add(("sold out", "a"), ("sold out", "b"), ("sold out", "c"))
    assert forbidden.throughout(before) == {("sold out", "a")}
