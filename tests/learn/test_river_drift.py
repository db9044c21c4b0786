"""Detectors of river behind the port."""

import importlib.util
import math
import random
import warnings

import pytest

from penchant.adapters.river_drift import make_detector
from penchant.errors import InvalidInput, MissingExtra

NAMES = ("adwin", "page-hinkley", "kswin")


def numbers(shift: float) -> list[float]:
    rng = random.Random(3)
    return [rng.gauss(0, 1) + (shift if at >= 300 else 0) for at in range(400)]


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_a_shift_and_none_where_there_is_none(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector = make_detector(1, name)
        first = [detector.update(value) for value in numbers(3.0)].index(True)
        assert 300 <= first < 340
        assert not any(map(make_detector(1, name).update, numbers(0.0)))


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets(name: str) -> None:
    detector, fresh = make_detector(1, name), make_detector(1, name)
    for value in numbers(3.0)[:301]:
        detector.update(value)
    detector.reset()
    after = numbers(3.0)[100:]
    assert [detector.update(value) for value in after] == [fresh.update(value) for value in after]


@pytest.mark.parametrize("name", NAMES)
def test_one_of_many_is_slower_to_alarm(name: str) -> None:
    def first(among: int) -> int:
        detector = make_detector(among, name)
        return [detector.update(value) for value in numbers(2.0)].index(True)

    assert first(1) < first(100)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_finite_number_is_refused(bad: float) -> None:
    with pytest.raises(InvalidInput, match="finite"):
        make_detector().update(bad)


def test_an_unknown_detector_or_parameter_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no detector 'eddm'; there are adwin"):
        make_detector(1, "eddm")
    with pytest.raises(InvalidInput, match="page-hinkley"):
        make_detector(1, "page-hinkley", taste=1.0)


def test_without_river_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'penchant\[drift\]'"):
        make_detector()
