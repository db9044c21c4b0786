"""Requests that come in meanwhile are done with one piece of work."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from penchant.app.together import Together
from penchant.errors import InvalidInput, StorageError


class Work:
    """Doubles numbers; waits at the gate; refuses negative ones, and everything once the disk is full."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = threading.Event()
        self.full = False

    def __call__(self, asked: list[int]) -> list[int]:
        self.groups.append(asked)
        assert self.gate.wait(10)
        if self.full:
            raise StorageError("full")
        if min(asked) < 0:
            raise InvalidInput("negative") if min(asked) > -10 else ValueError("unforeseen")
        return [2 * one for one in asked]


@pytest.fixture
def work() -> Work:
    return Work()


def ask_all(together: Together[int, int], work: Work, asked: list[int]) -> list[int | Exception]:
    """One thread each; the first is at work while the others come in."""

    def one(number: int) -> int | Exception:
        try:
            return together.ask(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(asked)) as pool:
        first = pool.submit(one, asked[0])
        while not work.groups:
            time.sleep(0.001)
        others = []
        for number in asked[1:]:
            others.append(pool.submit(one, number))
            while len(together._waiting) < len(others):
                time.sleep(0.001)
        work.gate.set()
        return [found.result(10) for found in [first, *others]]


def test_who_waits_shares_one_commit_and_gets_the_own_answer(work: Work) -> None:
    together = Together(work, lambda _: 1, 100)
    assert ask_all(together, work, list(range(1, 21))) == [2 * n for n in range(1, 21)]
    assert work.groups == [[1], list(range(2, 21))]


def test_a_group_has_a_size(work: Work) -> None:
    together = Together(work, abs, 10)
    assert ask_all(together, work, [1, 4, 6, 1, 50, 3]) == [2, 8, 12, 2, 100, 6]
    assert work.groups == [[1], [4, 6], [1], [50], [3]]


def test_one_bad_request_does_not_spoil_the_others(work: Work) -> None:
    together = Together(work, lambda _: 1, 100)
    found = ask_all(together, work, [1, 2, -3, 4, -30, 5])
    assert (found[0], found[1], found[3], found[5]) == (2, 4, 8, 10)
    assert isinstance(found[2], InvalidInput)
    assert isinstance(found[4], ValueError)


def test_a_full_disk_is_told_to_all_of_the_group_and_the_next_one_goes_on(work: Work) -> None:
    together = Together(work, lambda _: 1, 100)
    work.full = True
    assert all(isinstance(one, StorageError) for one in ask_all(together, work, [1, 2, 3]))
    assert work.groups == [[1], [2, 3]], "tried once"
    work.full = False
    assert together.ask(5) == 10


def test_many_threads_at_once_are_each_answered_once() -> None:
    done: list[int] = []

    def work(asked: list[int]) -> list[int]:
        done.extend(asked)
        return asked

    together = Together(work, lambda _: 1, 7)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(together.ask, range(2_000))) == list(range(2_000))
    assert sorted(done) == list(range(2_000))
