"""Which sources a shop has, and how many candidates each may name."""

from collections.abc import Callable, Mapping, Sequence

from penchant.errors import SettingsError
from penchant.recommend.sources.again import BoughtAgain
from penchant.recommend.sources.crowd import Trending
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.goes_with import GoesWith, TakenByAlike
from penchant.recommend.sources.kin import Kin
from penchant.recommend.sources.looked_at import LikeLookedAt
from penchant.recommend.sources.newcomers import NewItems
from penchant.recommend.sources.port import Source
from penchant.recommend.sources.social import SOCIAL, TakenByFollowed
from penchant.recommend.sources.taste import Taste

BUDGETS: Mapping[str, int] = {
    "taste": 100,
    "again": 30,
    "goes-with": 30,
    "alike": 30,
    "looked-at": 20,
    "trending": 20,
    "new": 10,
    "kin": 10,
    SOCIAL: 20,
}
"""Candidates by source; the order is that of the sources."""

_MAKE: Mapping[str, Callable[[Facts], Source]] = {
    "taste": lambda _: Taste(),
    "again": BoughtAgain,
    "goes-with": GoesWith,
    "alike": TakenByAlike,
    "looked-at": lambda _: LikeLookedAt(),
    "trending": lambda _: Trending(),
    "new": NewItems,
    "kin": lambda _: Kin(),
    SOCIAL: lambda _: TakenByFollowed(),
}


def named(words: str) -> tuple[str, ...]:
    """Sources of a setting such as ``again+new``, taste first: without it no list is made.

    Raises:
        SettingsError: a name that is none of theirs.

    >>> named("new+again")
    ('taste', 'again', 'new')
    """
    given = set(words.split("+")) if words else set[str]()
    unknown = sorted(given - set(BUDGETS))
    if unknown:
        raise SettingsError(f"unknown sources {unknown}; known are {', '.join(BUDGETS)}, joined by +")
    return tuple(name for name in BUDGETS if name in given | {"taste"})


def sources(names: Sequence[str], facts: Facts) -> tuple[Source, ...]:
    """Those of ``names``, in that order."""
    return tuple(_MAKE[name](facts) for name in names)
