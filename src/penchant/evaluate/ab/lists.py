"""The lists of an experiment as columns, and which of them were answered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.events.impressions import ANSWERED
from penchant.events.log import EventColumns
from penchant.types import EventType, Impression

ANSWERS = (EventType.VIEW, EventType.CLICK, EventType.CART, EventType.WISHLIST, EventType.PURCHASE)
"""Events on an item that say that its list was of use."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """L lists with S items in all, in the order of the log.

    Attributes:
        ids: recommendation_id of each. people: pseudonyms. arms, placements: names.
        person, arm, placement: (L,) into them. time: (L,) unix seconds. fallback: (L,) not by the model.
        items: item_ids. slot_list, slot_item: (S,) list and item of each place. slot_position: (S,) from 0.
        slot_chance: (S,) propensity.
    """

    ids: list[str]
    people: list[str]
    arms: list[str]
    placements: list[str]
    person: Rows
    arm: Rows
    placement: Rows
    time: NDArray[np.float64]
    fallback: NDArray[np.bool_]
    items: list[str]
    slot_list: Rows
    slot_item: Rows
    slot_position: Rows
    slot_chance: NDArray[np.float64]

    @property
    def empty(self) -> NDArray[np.bool_]:
        """(L,) lists without any item."""
        return np.bincount(self.slot_list, minlength=len(self.ids)) == 0


class _Codes(dict[str, int]):
    """Names to numbers in order of first sight."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def lists_of(shown: Iterable[Impression]) -> Lists:
    """Columns of lists that were for somebody."""
    people, arms, placements, items = _Codes(), _Codes(), _Codes(), _Codes()
    ids, fallback, rows = list[str](), list[bool](), list[tuple[int, int, int, float]]()
    slots, chances = list[tuple[int, int, int]](), list[float]()
    for one in shown:
        if not one.user_id:
            continue
        rows.append((people[one.user_id], arms[one.arm], placements[one.placement], one.timestamp))
        fallback.append(bool(one.fallback))
        slots += [(len(ids), items[item.item_id], item.position) for item in one.items]
        chances += [item.propensity for item in one.items]
        ids.append(one.recommendation_id)
    row = np.array(rows, dtype=np.float64).reshape(-1, 4)
    slot = np.array(slots, dtype=np.int64).reshape(-1, 3)
    person, arm, placement = row[:, :3].astype(np.int64).T
    return Lists(
        ids=ids, people=list(people), arms=list(arms), placements=list(placements),
        person=person, arm=arm, placement=placement, time=row[:, 3], fallback=np.array(fallback, dtype=bool),
        items=list(items), slot_list=slot[:, 0], slot_item=slot[:, 1], slot_position=slot[:, 2],
        slot_chance=np.array(chances, dtype=np.float64),
    )  # fmt: skip


def answered_slots(lists: Lists, columns: EventColumns, named: Mapping[int, str]) -> NDArray[np.bool_]:
    """(S,) places whose item the person then looked at, took or bought.

    An event answers the list that it names, if that is the person's own and holds the item; else the newest
    list of the day before that holds its item.

    Args:
        lists: shown.
        columns: events of everybody.
        named: log position → recommendation_id, where an event says one.
    """
    event = _answers(lists, columns)
    found = np.zeros(len(lists.slot_list), dtype=bool)
    if not len(event) or not len(found):
        return found
    person = codes(columns.people, lists.people)[columns.person[event]]
    item = codes(columns.items, lists.items)[columns.item[event]]
    own = _named(lists, columns.position[event], named)
    own = np.where((own >= 0) & (lists.person[own] == person), own, -1)
    width = len(lists.items)
    # The place of an item in a list that is named.
    keys = lists.slot_list * width + lists.slot_item
    order = np.argsort(keys, kind="stable")
    wanted = np.where(own >= 0, own * width + item, -1)
    place = np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)
    hit = keys[order][place] == wanted
    found[order[place[hit]]] = True
    newest = _newest(lists, (person * width + item)[~hit], columns.time[event][~hit])
    found[newest[newest >= 0]] = True
    return found


def _answers(lists: Lists, columns: EventColumns) -> Rows:
    """Rows of events that may answer: of people and items of lists."""
    kinds = np.isin(columns.type, [kind.code for kind in ANSWERS]) & (columns.item >= 0)
    if len(columns.people) and len(columns.items):
        kinds &= codes(columns.people, lists.people)[columns.person] >= 0
        kinds &= codes(columns.items, lists.items)[columns.item] >= 0
    return np.flatnonzero(kinds)


def codes(names: Sequence[str], among: Sequence[str]) -> Rows:
    """Place of each name in ``among``, -1 where it is not there."""
    place = {name: code for code, name in enumerate(among)}
    return np.array([place.get(name, -1) for name in names], dtype=np.int64)


def _named(lists: Lists, positions: NDArray[np.int64], named: Mapping[int, str]) -> Rows:
    place = {name: row for row, name in enumerate(lists.ids)}
    return np.array(
        [place.get(named.get(position, ""), -1) for position in positions.tolist()], dtype=np.int64
    )


def _newest(lists: Lists, keys: Rows, times: NDArray[np.float64]) -> Rows:
    """The newest place of the same person and item within the day before each event; -1 for none."""
    slot_keys = lists.person[lists.slot_list] * len(lists.items) + lists.slot_item
    slot_times = lists.time[lists.slot_list]
    count = len(slot_keys)
    both_keys, both_times = np.concatenate([slot_keys, keys]), np.concatenate([slot_times, times])
    # At one moment the list comes first.
    order = np.lexsort((np.arange(len(both_keys)) >= count, both_times, both_keys))
    is_slot = order < count
    last = np.maximum.accumulate(np.where(is_slot, np.arange(len(order)), -1))
    slot = np.where(last >= 0, order[last], 0)
    fits = (last >= 0) & (both_keys[slot] == both_keys[order])
    fits &= both_times[order] - both_times[slot] <= ANSWERED
    found = np.full(len(keys), -1, dtype=np.int64)
    events = ~is_slot
    found[order[events] - count] = np.where(fits[events], slot[events], -1)
    return found
