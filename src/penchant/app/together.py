"""Requests that came in while the disk was busy are done together: one commit for all of them."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from penchant.errors import StorageError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Whoever comes first does the work of all who wait; the others only wait. There is no thread of its own.

    What the disk refuses is refused to all of a group. Another error may come from one request alone: then
    each of them is done by itself.
    """

    def __init__(
        self, work: Callable[[list[Asked]], list[Answer]], size: Callable[[Asked], int], most: int
    ) -> None:
        """``work`` does a group, in the order in which it came; sizes of a group add up to ``most``, or it
        is a single one."""
        self._work = work
        self._size = size
        self._most = most
        self._waiting: deque[tuple[Asked, Future[Answer]]] = deque()
        self._turn = Lock()

    def ask(self, asked: Asked) -> Answer:
        """The answer, when it is done; what the work raises is raised here."""
        mine: Future[Answer] = Future()
        self._waiting.append((asked, mine))
        while not mine.done():
            with self._turn:
                if not mine.done():
                    self._do(self._group())
        return mine.result()

    def _group(self) -> list[tuple[Asked, "Future[Answer]"]]:
        """The oldest ones that fit together."""
        group = [self._waiting.popleft()]
        room = self._most - self._size(group[0][0])
        while self._waiting and (room := room - self._size(self._waiting[0][0])) >= 0:
            group.append(self._waiting.popleft())
        return group

    def _do(self, group: list[tuple[Asked, "Future[Answer]"]]) -> None:
        try:
            answers = self._work([asked for asked, _ in group])
        except StorageError as error:
            _fail(group, error)
        except Exception as error:
            if len(group) == 1:
                _fail(group, error)
            else:
                for one in group:
                    self._do([one])
        except BaseException as error:  # Nobody may wait for ever, whatever it is.
            _fail(group, error)
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                future.set_result(answer)


def _fail(group: "list[tuple[Asked, Future[Answer]]]", error: BaseException) -> None:
    for _, future in group:
        future.set_exception(error)
