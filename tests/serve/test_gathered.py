"""Requests that come in meanwhile are done with one piece of work."""

import asyncio
import threading
import time

import pytest

from penchant.errors import InvalidInput, StorageError
from penchant.serve.gathered import AtOnce, Gathered


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


def ask_all(gathered: Gathered[int, int], work: Work, asked: list[int]) -> list[int | BaseException]:
    """All at the same time; the first is at work while the others come in."""

    async def run() -> list[int | BaseException]:
        first = asyncio.create_task(gathered.ask(asked[0]))
        while not work.groups:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(gathered.ask(number)) for number in asked[1:]]
        await asyncio.sleep(0)
        work.gate.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    return asyncio.run(run())


def test_who_waits_shares_one_commit_and_gets_the_own_answer(work: Work) -> None:
    gathered = Gathered(work, 100)
    assert ask_all(gathered, work, list(range(1, 21))) == [2 * n for n in range(1, 21)]
    assert work.groups == [[1], list(range(2, 21))]


def test_a_group_has_a_size(work: Work) -> None:
    gathered = Gathered(work, 10, size=abs)
    assert ask_all(gathered, work, [1, 4, 6, 1, 50, 3]) == [2, 8, 12, 2, 100, 6]
    assert work.groups == [[1], [4, 6], [1], [50], [3]]


def test_one_bad_request_does_not_spoil_the_others(work: Work) -> None:
    found = ask_all(Gathered(work, 100), work, [1, 2, -3, 4, -30, 5])
    assert (found[0], found[1], found[3], found[5]) == (2, 4, 8, 10)
    assert isinstance(found[2], InvalidInput)
    assert isinstance(found[4], ValueError)


def test_a_full_disk_is_told_to_all_who_wait_and_the_next_one_goes_on(work: Work) -> None:
    gathered = Gathered(work, 100)
    work.full = True
    assert all(isinstance(one, StorageError) for one in ask_all(gathered, work, [1, 2, 3]))
    assert work.groups == [[1]], "who came meanwhile does not wait for the same disk"
    work.full = False
    assert asyncio.run(gathered.ask(5)) == 10


def test_who_has_gone_does_not_keep_the_others_from_their_answer(work: Work) -> None:
    gathered = Gathered(work, 100)

    async def run() -> tuple[int, int]:
        first = asyncio.create_task(gathered.ask(1))
        while not work.groups:
            await asyncio.sleep(0.001)
        gone, stays = asyncio.create_task(gathered.ask(2)), asyncio.create_task(gathered.ask(3))
        await asyncio.sleep(0)
        gone.cancel()
        work.gate.set()
        return await first, await stays

    assert asyncio.run(run()) == (2, 6)


def test_what_is_at_hand_is_done_in_the_loop_and_waits_for_nobody(work: Work) -> None:
    where = list[tuple[list[int], bool]]()

    def noted(asked: list[int]) -> list[int]:
        inside = threading.current_thread() is threading.main_thread()
        where.append((asked, inside))
        return [2 * one for one in asked] if inside else work(asked)

    async def run() -> tuple[list[int], int]:
        gathered = Gathered(noted, 3, at_once=AtOnce(noted, lambda one: one < 100, 1.0, 3))
        waits = asyncio.create_task(gathered.ask(100))
        while not work.groups:
            await asyncio.sleep(0.001)
        quick = await asyncio.gather(*[gathered.ask(n) for n in range(5)])
        work.gate.set()
        return list(quick), await waits

    assert asyncio.run(run()) == ([0, 2, 4, 6, 8], 200)
    assert where == [([100], False), ([0, 1, 2], True), ([3, 4], True)]


def test_what_goes_wrong_in_the_loop_is_done_again_in_the_thread_one_by_one(work: Work) -> None:
    work.gate.set()

    async def run() -> list[int | BaseException]:
        gathered = Gathered(work, 10, at_once=AtOnce(work, lambda one: one != 7, 1.0, 10))
        return await asyncio.gather(*[gathered.ask(n) for n in (1, -3, 7, 5)], return_exceptions=True)

    one, bad, other, last = asyncio.run(run())
    assert (one, other, last) == (2, 14, 10)
    assert isinstance(bad, InvalidInput)


@pytest.mark.parametrize("at_hand", [True, False])
def test_where_it_takes_long_to_see_what_is_at_hand_it_is_not_asked_for_a_while(at_hand: bool) -> None:
    asked, inside = list[int](), list[bool]()

    def slow(one: int) -> bool:
        asked.append(one)
        time.sleep(0.002)
        return at_hand

    def work(group: list[int]) -> list[int]:
        inside.append(threading.current_thread() is threading.main_thread())
        return group

    async def run() -> list[int]:
        gathered = Gathered(work, 9, at_once=AtOnce(work, slow, 0.0002, 9))
        return [await gathered.ask(n) for n in range(50)]

    assert asyncio.run(run()) == list(range(50))
    assert 0 < len(asked) < 50
    assert (inside[0], inside[-1]) == (at_hand, False)


def test_many_at_once_are_each_answered_once() -> None:
    done: list[int] = []

    def work(asked: list[int]) -> list[int]:
        done.extend(asked)
        return asked

    async def run() -> list[int]:
        gathered = Gathered(work, 7)
        return list(await asyncio.gather(*[gathered.ask(n) for n in range(2_000)]))

    assert asyncio.run(run()) == list(range(2_000))
    assert sorted(done) == list(range(2_000))
