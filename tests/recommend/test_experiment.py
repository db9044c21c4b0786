"""Who is in which arm, and with which weights an arm is served."""

import pytest

from penchant.recommend.experiment import Arms, Experiment
from penchant.types import Pseudonym

PEOPLE = [Pseudonym(f"person {n}") for n in range(4_000)]


def test_people_fall_into_arms_by_their_shares_and_stay() -> None:
    arms = Arms("first", {"a": 0.2, "b": 0.5})
    found = [arms.of(person) for person in PEOPLE]
    assert found == [Arms("first", {"a": 0.2, "b": 0.5}).of(person) for person in PEOPLE]
    for arm, share in (("a", 0.2), ("b", 0.5), ("", 0.3)):
        assert found.count(arm) / len(PEOPLE) == pytest.approx(share, abs=0.03)  # four standard errors


def test_another_experiment_divides_people_anew() -> None:
    one, other = Arms("first", {"a": 0.5, "b": 0.5}), Arms("second", {"a": 0.5, "b": 0.5})
    both = sum(one.of(person) == other.of(person) for person in PEOPLE)
    assert both / len(PEOPLE) == pytest.approx(0.5, abs=0.04)


def test_the_first_arm_keeps_its_people_when_its_share_grows() -> None:
    small, large = Arms("first", {"a": 0.1}), Arms("first", {"a": 0.3})
    assert all(large.of(person) == "a" for person in PEOPLE if small.of(person) == "a")


def test_an_arm_without_its_snapshot_has_no_lists() -> None:
    experiment = Experiment(Arms("first", {"a": 1.0}), {}, {"a": "gone"})
    assert {experiment.arm_of(person) for person in PEOPLE} == {""}


def test_without_an_experiment_nobody_is_in_an_arm() -> None:
    assert Experiment().arm_of(PEOPLE[0]) == ""
    assert Experiment().tracker_of(PEOPLE[0], None) is None
