"""Requests that come in while others are being answered are answered together, in one thread.

A thread for each would cost more than what it is for, and the threads would take the interpreter from each
other; together, people share the calls of numpy, and events share one commit. What waits for nobody is done
in the loop itself: two threads that both compute hand the interpreter back and forth at every call that may
wait, and each time that takes longer than the call.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from penchant.errors import ShopError, StorageError, WouldWait

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def _one(_: object) -> int:
    return 1


REST: Final = 30.0
"""Seconds for which all is done in the thread after things took long in the loop."""
AGAIN: Final = 0.001
"""Seconds until what would wait is tried again in the loop: most writes are over by then, and one that is in
the thread meanwhile would fight with the loop for the interpreter."""
SMOOTHED: Final = 32.0
"""Groups that the moving mean of their time is of: a copy of pages is slow now and then; a disk that hangs
shows at once."""


@dataclass(frozen=True, slots=True)
class AtOnce(Generic[Asked, Answer]):
    """What may be done in the loop, where everybody waits for it.

    ``work`` answers a group without waiting for anybody, or raises WouldWait before it has done anything.
    ``at_hand`` says of one whether it may be tried, in the loop too. Sizes of a group add up to ``most``. A
    group of n should take ``seconds`` (1 + n), by a moving mean. What would wait is tried again for
    ``patience`` seconds before it goes to the thread.
    """

    work: Callable[[list[Asked]], Sequence[Answer]]
    at_hand: Callable[[Asked], bool]
    seconds: float
    most: int
    patience: float = 0.0


class Gathered(Generic[Asked, Answer]):
    """For one event loop. One alone is answered at once; there is no waiting for company.

    What the disk refuses is refused to all of a group, and to those who came meanwhile: a locked one is
    waited for until it is given up, and they waited too. Another error may come from one request alone:
    then each of them is done by itself.
    """

    def __init__(
        self,
        work: Callable[[list[Asked]], Sequence[Answer]],
        most: int,
        size: Callable[[Asked], int] = _one,
        at_once: AtOnce[Asked, Answer] | None = None,
    ) -> None:
        """``work`` answers a group, in the order in which it came. Sizes of a group add up to ``most``, or it
        is a single one. Groups go to one thread, except what may be done ``at_once``."""
        self._work = work
        self._most = most
        self._size = size
        self._at_once = at_once
        self._thread = ThreadPoolExecutor(1, "gathered")
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._quick: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._working: asyncio.Task[None] | None = None
        self._pace = self._slow_until = self._asking = 0.0

    async def ask(self, asked: Asked) -> Answer:
        """The answer; what the work raises is raised here."""
        loop, quick = asyncio.get_running_loop(), self._at_once
        mine: asyncio.Future[Answer] = loop.create_future()
        if quick is not None and self._is_quick(loop, quick, asked):
            if not self._quick:  # What came in with it is answered with it.
                loop.call_soon(self._answer_quick, loop, quick, loop.time() + quick.patience)
            self._quick.append((asked, mine))
        else:
            self._wait([(asked, mine)])
        return await mine

    def _is_quick(self, loop: asyncio.AbstractEventLoop, quick: AtOnce[Asked, Answer], asked: Asked) -> bool:
        """Whether it may be tried in the loop. To find that out takes time of the loop as well."""
        began = loop.time()
        if began < self._slow_until:
            return False
        at_hand = quick.at_hand(asked)
        ended = loop.time()
        if at_hand:
            self._asking += ended - began  # Counts with the group that it is answered in.
        elif (ended - began) / 2 > quick.seconds:  # A "no" that came fast says nothing of the others.
            self._count(quick, (ended - began) / 2, ended)
        return at_hand

    def _count(self, quick: AtOnce[Asked, Answer], took: float, now: float) -> None:
        """``took``: seconds of a group by its size and one; too many turn the quick way off for a while."""
        self._pace += (took - self._pace) / SMOOTHED
        if self._pace > quick.seconds:
            self._pace, self._slow_until = 0.0, now + REST

    def _answer_quick(
        self, loop: asyncio.AbstractEventLoop, quick: AtOnce[Asked, Answer], until: float
    ) -> None:
        group, began = _group(self._quick, self._size, quick.most), loop.time()
        try:
            _tell(group, quick.work([asked for asked, _ in group]))
        except WouldWait:
            if began < until and self._working is None:
                self._quick.extendleft(reversed(group))
                loop.call_later(AGAIN, self._answer_quick, loop, quick, until)
                return
            self._wait(group)
        except (StorageError, ShopError) as error:
            _refuse(group, error)
        except Exception as error:
            if len(group) == 1:
                _refuse(group, error)
            else:  # Each hears what is wrong with it alone.
                self._wait(group)
        ended = loop.time()
        if self._quick:
            loop.call_soon(self._answer_quick, loop, quick, ended + quick.patience)
        asking, self._asking = self._asking, 0.0
        self._count(quick, (asking + ended - began) / (1 + len(group)), ended)

    def _wait(self, asked: "list[tuple[Asked, asyncio.Future[Answer]]]") -> None:
        self._waiting.extend(asked)
        if self._working is None:
            self._working = asyncio.create_task(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                await self._answer(_group(self._waiting, self._size, self._most))
        finally:
            self._working = None

    async def _answer(self, group: list[tuple[Asked, "asyncio.Future[Answer]"]]) -> None:
        try:
            given = [asked for asked, _ in group]
            _tell(group, await asyncio.get_running_loop().run_in_executor(self._thread, self._work, given))
        except (StorageError, ShopError) as error:
            _refuse([*group, *self._waiting], error)
            self._waiting.clear()
        except Exception as error:
            if len(group) == 1:
                _refuse(group, error)
            else:
                for one in group:
                    await self._answer([one])
        except BaseException:  # Nobody may wait for ever, whatever it is.
            for _, future in (*group, *self._waiting):
                future.cancel()
            self._waiting.clear()
            raise


def _group(
    waiting: "deque[tuple[Asked, asyncio.Future[Answer]]]", size: Callable[[Asked], int], most: int
) -> "list[tuple[Asked, asyncio.Future[Answer]]]":
    """The oldest ones that fit together, out of those that wait."""
    group = [waiting.popleft()]
    room = most - size(group[0][0])
    while waiting and (room := room - size(waiting[0][0])) >= 0:
        group.append(waiting.popleft())
    return group


def _tell(group: "list[tuple[Asked, asyncio.Future[Answer]]]", answers: Sequence[Answer]) -> None:
    for (_, future), answer in zip(group, answers, strict=True):
        if not future.done():
            future.set_result(answer)


def _refuse(group: "list[tuple[Asked, asyncio.Future[Answer]]]", error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
