"""``penchant distil``: a smaller snapshot that waits to be promoted, and what the learner makes of it."""

import json
from pathlib import Path

import pytest
from tests.learn.tiny_shop import learned, manifests, more

from penchant import cli
from penchant.app.distil import Distilled
from penchant.app.learning import learn_now
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.app.standing import standing
from penchant.serve.services import ListWanted


def silent(what: str, share: float) -> None:
    pass


def distilled(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, float | str]:
    assert cli.main(["distil", "--dim", "4", *more, "--json", "--shop", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_student_is_a_snapshot_of_its_own_and_serves_once_promoted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = manifests(folder)
    with Shop(folder, writer=False) as shop:
        before = standing(shop)
    found = distilled(folder, capsys)
    student = str(found["snapshot"])
    own = manifests(folder)[student]
    assert (own.parent, learned(own).teacher, own.settings["dim"]) == (first, first, 4)
    assert own.encoder_id != manifests(folder)[first].encoder_id
    assert 0 < found["bytes"] < found["teacher_bytes"]
    assert found["people"] > 50
    assert own.metrics["lost"] == found["lost"] == pytest.approx(1 - found["ndcg"] / found["teacher_ndcg"])
    more(folder, 200)
    with Shop(folder, writer=False) as shop:
        assert shop.shelf.current() == first
        assert standing(shop) == before, "the learner takes it for a pass"
    assert cli.main(["snapshots", "promote", student, "--json", "--shop", str(folder)]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (listed[student]["serving"], listed[student]["teacher"]) == (True, first)
    serving = Serving(Shop(folder, writer=True))
    try:
        assert serving.readiness()["snapshot"] == student
        assert serving.recommend_each([ListWanted("p000001", 5)])[0].items
    finally:
        serving.close()


def test_the_learner_goes_on_from_a_student_that_serves(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = str(distilled(folder, capsys)["snapshot"])
    with Shop(folder, writer=False) as shop:
        shop.shelf.promote(student, shop.clock())
    more(folder, 600)
    outcome = learn_now(folder, silent)
    made = manifests(folder)[outcome.snapshot]
    assert (outcome.parent, made.settings["dim"]) == (student, 4)
    assert learned(made).from_scratch == student


@pytest.mark.parametrize("wrong", [("--dim", "8"), ("--dim", "9"), ("--dim", "0"), ("--layers", "2")])
def test_what_is_not_smaller_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]
) -> None:
    assert cli.main(["distil", "--dim", "4", *wrong, "--shop", str(folder)]) == 1
    assert "a student is smaller than its teacher, which has 8 dimensions" in capsys.readouterr().err
    assert len(manifests(folder)) == 1


def test_manifests_of_who_was_not_distilled_are_as_they_were(folder: Path) -> None:
    (name,) = manifests(folder)
    assert "teacher" not in (folder / "snapshots" / name / "manifest.json").read_text(encoding="utf-8")


def test_it_is_told_in_words() -> None:
    made = Distilled(
        snapshot="b", teacher="a", dim=4, layers=1, bytes=1_500_000, teacher_bytes=3_000_000,
        teacher_ndcg=0.05, ndcg=0.04, lost=0.2, error=0.03, people=1_200,
    )  # fmt: skip
    assert made.words().splitlines() == [
        "distilled b from a: 1.5 MB instead of 3.0",
        "  NDCG@10 0.0400 after 0.0500, 20.0% worse (error 3.0%, 1,200 people)",
        "  it does not serve yet: penchant snapshots promote b",
    ]
    unknown = Distilled(snapshot="b", teacher="a", dim=4, layers=1, bytes=1, teacher_bytes=2)
    assert "what was lost is not known" in unknown.words()
