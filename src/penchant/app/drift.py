"""Watches what comes in and how well it is predicted; the alarms and what follows from them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from penchant.adapters.river_drift import make_detector
from penchant.app.shop import Shop
from penchant.errors import InvalidInput, MissingExtra, StorageError
from penchant.learn.course import Answer
from penchant.learn.drift import DriftWatch, response, seen_of
from penchant.learn.drift.alarm import KEPT_ALARMS
from penchant.learn.progress import DRIFT, PROGRESS, Told, read_progress
from penchant.model.folders import write_file
from penchant.model.histories import FloatArray
from penchant.types import Logged, Pseudonym


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept on the disk: the watch up to a place of the log."""

    position: int
    watch: dict[str, object]


class Drift:
    """``missing`` says why nothing is watched; empty where it is. ``alarms``: newest last."""

    def __init__(self, shop: Shop, alarms: Sequence[Told]) -> None:
        self._shop = shop
        self._path = shop.folder / DRIFT
        self.alarms = list(alarms)
        self.missing = ""
        self._watch: DriftWatch | None = None
        self._position = 0
        try:
            make_detector()
            self._position, self._watch = self._read()
        except MissingExtra as error:
            self.missing = str(error)

    def see(self, entries: Sequence[Logged], answers: Sequence[Answer], counts: FloatArray) -> None:
        """Some events in the order of the log; what was seen before is not seen again.

        ``counts``: how often each item was taken in training; items after them are new too.
        """
        fresh = [entry for entry in entries if entry.position > self._position]
        if self._watch is None or not fresh:
            return
        quality = {answer.asked.position: answer.live for answer in answers}
        named = sorted({entry.event.item_id for entry in fresh if entry.event.item_id})
        items = self._shop.catalog.many(named)
        rows = dict(zip(named, self._shop.ids.rows(named).tolist(), strict=True))
        for entry in fresh:
            row = rows.get(entry.event.item_id or "", -1)
            seen = seen_of(
                entry.position, entry.event, items.get(entry.event.item_id or ""),
                new=None if row < 0 else row >= len(counts) or not counts[row],
                quality=quality.get(entry.position),
            )  # fmt: skip
            found = [Told(alarm=alarm, response=response(alarm)) for alarm in self._watch.see(seen)]
            # After a kill the newest alarm may be found once more.
            self.alarms = [*self.alarms, *(one for one in found if one not in self.alarms)][-KEPT_ALARMS:]
            self._position = entry.position

    def rate(self, position: int) -> float:
        """How much more than usual what happens at that place of the log counts."""
        rates = [
            told.response.factor
            for told in self.alarms[-5:]
            if told.alarm.position <= position < told.alarm.position + told.response.events
        ]
        return max(rates, default=1.0)

    def erased(self, there: frozenset[Pseudonym]) -> None:
        """Forget everybody who is not ``there`` any more."""
        if self._watch is not None:
            for person in self._watch.people() - there:
                self._watch.erase_person(person)
            self.keep()

    def keep(self) -> None:
        """Write down where it stands.

        Raises:
            StorageError: the disk refused.
        """
        if self._watch is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            state = Kept(position=self._position, watch=self._watch.to_state())
            write_file(self._path, msgspec.json.encode(state))
        except OSError as error:
            raise StorageError(f"cannot write {self._path.name}: {error}; free some space") from error

    def _read(self) -> tuple[int, DriftWatch]:
        """Where it stood; from the snapshot on where nothing was kept, or it cannot be read."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
            return kept.position, DriftWatch.from_state(kept.watch, make_detector)
        except (OSError, msgspec.MsgspecError, InvalidInput, ValueError, IndexError):
            return 0, DriftWatch(make_detector)


def wants_a_pass(folder: Path, seen: int) -> bool:
    """Whether an alarm of the shop in ``folder`` ordered a retrain after place ``seen`` of the log."""
    alarms = read_progress(folder / PROGRESS).alarms
    return any(told.response.action == "retrain" and told.alarm.position > seen for told in alarms)
