"""Making the next of something while this one is used."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Thing = TypeVar("Thing")


def ahead(things: Iterator[Thing]) -> Generator[Thing]:
    """The same things in the same order; another thread makes the next one while one is used.

    >>> list(ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(_next, things)
        while thing := coming.result():
            coming = pool.submit(_next, things)
            yield thing[0]


@contextmanager
def torch_threads(count: int) -> Generator[None]:
    """Let torch use this many for a while; 0: one less than its own number, since another thread reads ahead.

    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or max(1, before - 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _next(things: Iterator[Thing]) -> tuple[Thing] | None:
    for thing in things:
        return (thing,)
    return None
