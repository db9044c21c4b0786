"""Making the next of something while this one is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")


def ahead(things: Iterator[Thing]) -> Iterator[Thing]:
    """The same things in the same order; another thread makes the next one while one is used.

    >>> list(ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(_next, things)
        while thing := coming.result():
            coming = pool.submit(_next, things)
            yield thing[0]


def _next(things: Iterator[Thing]) -> tuple[Thing] | None:
    for thing in things:
        return (thing,)
    return None
