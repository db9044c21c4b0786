"""Shares of places over many lists: sellers and brands that get no more, and no less, than the shop wants."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.errors import StorageError
from penchant.recommend.impressions import ImpressionSink
from penchant.recommend.request import Ranked, Request
from penchant.recommend.rules.arrange import More
from penchant.recommend.variety.groups import Grouped, Groups
from penchant.settings import VarietySettings
from penchant.taste.wished import any_wished
from penchant.types import Impression, Reason

CREDIT: Final = 5.0
"""Places that a group may be ahead or behind; what is beyond is forgotten, so that a group that had nothing
to show for a week does not fill lists afterwards."""

EACH: Final = "*"
"""Name of a limit that all groups have which have none of their own."""

APART: Final = 32
"""Placements that are counted apart: their names are any text that callers send. All others count as one."""

OTHERS: Final = ""

Codes = NDArray[np.int32]

OFF_THE_RECORD: Final = frozenset({"console", "rehearsal"})
"""Placements that no shopper sees."""


class Exposure:
    """Counts the places of groups by placement, and arranges lists so that the shares hold.

    A group's credit grows by its share of the places of each list and shrinks by the places that it had (the
    token bucket of networks). It begins at nothing with each process: the shares hold of what is shown
    from then on. What a person wishes, and what a rule put there, is neither taken out nor brought in.
    """

    def __init__(self, settings: VarietySettings, groups: Groups) -> None:
        self._limits, self._floors = settings.limits, settings.floors
        self._groups = groups
        self._lock = Lock()
        self._spent: dict[str, _Accounts] = {}

    def arranged(self, request: Request, ranked: Ranked, more: More) -> Ranked:
        """``ranked`` with the first ``n`` as the shares want them, and the rest after them.

        A limit does not leave a place empty: where nothing else may be shown it is passed.
        """
        n, grouped = request.wanted.n, self._grouped(request.view)
        if grouped is None:
            return ranked
        accounts = self._of(request.wanted.placement)
        kept = any_wished(request.wishes, request.view)  # They stay where they are.
        room = accounts.room(n, self._limits, grouped.names)
        head, rest = _limited(ranked, n, grouped.codes, room, kept)
        if len(head) < n:
            head += _of_others(request, [*head, *rest], n - len(head), _Open(grouped.codes, room, head), more)
            head, rest = [*head, *rest[: n - len(head)]], rest[n - len(head) :]
        due = {
            code: places
            for name, places in accounts.due(n, self._floors).items()
            if (code := _code(grouped, name)) >= 0
        }
        _raise(head, rest, due, _Finder(request, grouped, kept, more))
        return [*head, *rest]

    def shown(self, view: CatalogView, placement: str, items: Iterable[str]) -> None:
        """A list that a shopper saw."""
        if placement in OFF_THE_RECORD:
            return
        grouped = self._grouped(view)
        if grouped is None:
            return
        codes = [int(grouped.codes[row]) for row in map(view.row, items) if row >= 0]
        names = [grouped.names[code] if code >= 0 else "" for code in codes]
        with self._lock:
            name = self._name(placement)
            accounts = self._spent.setdefault(name, _Accounts())
            accounts.count(names, self._limits, self._floors)
            if accounts.even:
                del self._spent[name]

    def follow(self, view: CatalogView) -> None:
        """Read the groups of items that changed, so that no list waits for it."""
        self._grouped(view)

    def _grouped(self, view: CatalogView) -> Grouped | None:
        """None while the catalogue cannot be read: then lists are made without shares."""
        try:
            return self._groups.at(view)
        except StorageError:
            return None

    def _of(self, placement: str) -> "_Accounts":
        with self._lock:
            return self._spent.get(self._name(placement)) or _Accounts()

    def _name(self, placement: str) -> str:
        """Under which its places are counted."""
        known = placement in self._spent
        apart = len(self._spent) - (OTHERS in self._spent)
        return placement if known or apart < APART else OTHERS


class CountedLists:
    """A sink that counts lists as they are shown, on their way to another."""

    def __init__(self, sink: ImpressionSink, exposure: Exposure, view: Callable[[], CatalogView]) -> None:
        self._sink = sink
        self._exposure = exposure
        self._view = view

    def put(self, impression: Impression) -> None:
        self._sink.put(impression)
        items = (item.item_id for item in impression.items)
        self._exposure.shown(self._view(), impression.placement, items)


class _Accounts:
    """Credits of one placement: places above (floors) and below (limits) what a group should have had."""

    def __init__(self) -> None:
        self._owed: dict[str, float] = {}
        self._free: dict[str, float] = {}

    @property
    def even(self) -> bool:
        """Whether no group is ahead or behind."""
        return not any(abs(credit) > 1e-9 for held in (self._owed, self._free) for credit in held.values())

    def due(self, n: int, floors: Mapping[str, float]) -> dict[str, int]:
        """Places of a list of ``n`` that each must have."""
        found = {name: int(self._owed.get(name, 0.0) + share * n + 1e-9) for name, share in floors.items()}
        return {name: min(places, n) for name, places in found.items() if places > 0}

    def room(self, n: int, limits: Mapping[str, float], names: list[str]) -> dict[int, int]:
        """Places of a list of ``n`` that each code may have at most.

        Where a share is too small for a place in each list, a group that has had no more than its share has
        one: else no group would have any in the first list, and what is in none would come before the best.
        """
        each = limits.get(EACH)
        shares = {
            code: share
            for code, name in enumerate(names)
            if (share := limits.get(name, each)) is not None
        } if limits else {}  # fmt: skip
        return {code: _places(self._free.get(names[code], 0.0), share, n) for code, share in shares.items()}

    def count(self, names: list[str], limits: Mapping[str, float], floors: Mapping[str, float]) -> None:
        places = len(names)
        for name, share in floors.items():
            self._owed[name] = _within(self._owed.get(name, 0.0) + share * places - names.count(name))
        each = limits.get(EACH)
        held = {*self._free, *limits, *(names if each is not None else ())} - {EACH, ""}
        for name in held:
            share = limits.get(name, each)
            if share is not None:
                self._free[name] = _within(self._free.get(name, 0.0) + share * places - names.count(name))


class _Finder:
    """Items of a group that a list has not."""

    def __init__(self, request: Request, grouped: Grouped, kept: NDArray[np.bool_], more: More) -> None:
        self._allowed = request.allowed & ~kept
        self.codes = grouped.codes
        self._names = grouped.names
        self.kept = kept
        self._more = more

    def best(self, code: int, head: Ranked, rest: Ranked) -> tuple[int, float, Reason] | None:
        """The best of the ``rest`` of that group, taken from there, else whatever is popular in it."""
        for place, one in enumerate(rest):
            if self.codes[one[0]] == code and not self.kept[one[0]]:
                return rest.pop(place)
        left = self._allowed.copy()
        left[: len(self.codes)] &= self.codes[: len(left)] == code
        left[[row for row, _, _ in head]] = False
        return next(iter(self._more(left, 1)), None) if left.any() else None


def _limited(
    ranked: Ranked, n: int, codes: Codes, room: Mapping[int, int], kept: NDArray[np.bool_]
) -> tuple[Ranked, Ranked]:
    """The first ``n`` that pass no limit, or fewer, and what is left, best first."""
    left, head, passed = dict(room), Ranked(), Ranked()
    for place, one in enumerate(ranked):
        if len(head) == n:
            return head, [*passed, *ranked[place:]]
        code = int(codes[one[0]])
        if left.get(code, 1) > 0 or kept[one[0]] or one[2].kind == "rule":
            head.append(one)
            if code in left:
                left[code] -= 1
        else:
            passed.append(one)
    return head, passed


def _of_others(request: Request, ranked: Ranked, n: int, still: "_Open", more: More) -> Ranked:
    """Up to ``n`` of what is popular in groups that have room, beside what is ``ranked``."""
    found, left = Ranked(), request.allowed.copy()
    left[[row for row, _, _ in ranked]] = False
    while len(found) < n and (rows := left & still.rows(len(left))).any():
        one = more(rows, 1)[:1]
        if not one:
            break
        found += one
        left[one[0][0]] = False
        still.take(one[0][0])
    return found


class _Open:
    """Groups that may have more places of a list."""

    def __init__(self, codes: Codes, room: Mapping[int, int], head: Ranked) -> None:
        self._codes = codes
        self._left = dict(room)
        for row, _, _ in head:
            self.take(row)

    def take(self, row: int) -> None:
        code = int(self._codes[row])
        if code in self._left:
            self._left[code] -= 1

    def rows(self, count: int) -> NDArray[np.bool_]:
        """Those of the first ``count`` rows whose group has room."""
        full = [code for code, places in self._left.items() if places <= 0]
        return ~np.isin(self._codes[:count], full)


def _raise(head: Ranked, rest: Ranked, due: Mapping[int, int], finder: _Finder) -> None:
    """Put in place what is due, from the end of the ``head`` up; in place."""
    for code, places in due.items():
        have = sum(int(finder.codes[row]) == code for row, _, _ in head)
        for _ in range(places - have):
            place = _cheapest(head, due, finder)
            one = None if place is None else finder.best(code, head, rest)
            if place is None or one is None:
                break
            rest.insert(0, head[place])
            head[place] = one


def _cheapest(head: Ranked, due: Mapping[int, int], finder: _Finder) -> int | None:
    """The last place whose item may go: no wish or rule holds it, and no group of it is due so many."""
    codes = [int(finder.codes[row]) for row, _, _ in head]
    for place in range(len(head) - 1, -1, -1):
        row, _, reason = head[place]
        spare = codes.count(codes[place]) > due.get(codes[place], 0)
        if spare and not finder.kept[row] and reason.kind != "rule":
            return place
    return None


def _places(credit: float, share: float, n: int) -> int:
    least = 1 if share > 0 and credit > -1e-9 else 0
    return max(least, int(credit + share * n + 1e-9))


def _within(credit: float) -> float:
    return max(-CREDIT, min(CREDIT, credit))


def _code(grouped: Grouped, name: str) -> int:
    return grouped.names.index(name) if name in grouped.names else -1
