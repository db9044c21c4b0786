"""One list of two rankers, drawn so that neither has the better places."""

from collections.abc import Hashable, Sequence
from random import Random
from typing import TypeVar

from penchant.metrics.interleaving import FIRST, SECOND

Item = TypeVar("Item", bound=Hashable)


def team_draft(
    first: Sequence[Item], second: Sequence[Item], n: int, draw: Random
) -> tuple[list[Item], list[int]]:
    """The list to show, and for each place the team, 0 or 1, that takes the credit for it.

    Whoever has fewer items in the list is next, a coin decides where both have as many; it puts in its best
    item that is not there yet (Radlinski, Kurup and Joachims, CIKM 2008). A ranker that has run out leaves
    the rest to the other.

    >>> team_draft(["a", "b", "c"], ["a", "c", "d"], 3, Random(1))
    (['a', 'b', 'c'], [1, 0, 0])
    """
    rankings = (list(first), list(second))
    shown, teams = list[Item](), list[int]()
    taken = set[Item]()
    while len(shown) < n:
        left = [[item for item in ranking if item not in taken] for ranking in rankings]
        if not left[FIRST] and not left[SECOND]:
            break
        counts = teams.count(FIRST), teams.count(SECOND)
        fewest = counts[SECOND] < counts[FIRST] if counts[FIRST] != counts[SECOND] else draw.random() < 0.5
        team = SECOND if fewest else FIRST
        team = team if left[team] else 1 - team
        item = left[team][0]
        shown.append(item)
        teams.append(team)
        taken.add(item)
    return shown, teams
