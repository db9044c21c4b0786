"""One thing that is watched: rows become blocks, and each column of a block goes to a detector of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penchant.learn.drift.alarm import Alarm, StreamName
from penchant.learn.drift.baseline import Detector, MakeDetector, hour_of_week
from penchant.learn.drift.block import OTHER, Block, Cell, Row
from penchant.learn.drift.history import Change, History
from penchant.learn.drift.judge import Judge, JudgeState
from penchant.learn.drift.names import Name, Names
from penchant.learn.drift.settings import DriftSettings

FIRST = 10
"""Blocks before names are chosen for the first time."""
ANCHOR = 500
"""Scores of 0 that each detector begins with. Its own mean of a few scores would be off by chance, and what
is usual is known to be 0."""
COUNTERPART = 1 / 3
"""What moved the other way is told when it moved at least so far in proportion."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a stream is of.

    Attributes:
        tell: name, before and after to words. keys: names of its columns; None for the most frequent.
        number: rows are numbers and there is one column. secret: names must be shared by several people.
        scale: from the mean of the rows to what is told. alarms: its part of the false alarms, the quality's
            being 1; its columns share it. part: size of its blocks, the usual one being 1.
        only_falls: a rise is no alarm.
    """

    name: StreamName
    tell: Callable[[str, float, float], str]
    keys: tuple[str, ...] | None = None
    number: bool = False
    secret: bool = False
    scale: Callable[[float], float] = float
    alarms: float = 0.03
    part: float = 1.0
    only_falls: bool = False


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a stream knows, as plain numbers and text."""

    keys: list[str]
    names: dict[str, Name]
    judge: JudgeState
    history: History
    open: list[Row]
    start: int
    blocks: int


class Stream:
    """Rows in, alarms out."""

    def __init__(self, kind: Kind, make: MakeDetector, settings: DriftSettings) -> None:
        self._kind, self._make, self._settings = kind, make, settings
        self._rows = round(settings.block * kind.part), max(1, round(settings.per_person * kind.part))
        self._keys = [OTHER] if kind.keys is None else list(kind.keys)
        self._names = Names(settings.people if kind.secret else 1)
        self._judge = Judge(len(self._keys), settings, kind.number)
        self._block = Block(*self._rows)
        self._blocks = 0
        # Made when a block is full: a learner that is started again and again need not wait for them.
        self._detectors: list[Detector] | None = None
        self._history = History()

    def add(self, time: float, position: int, person: str, cell: Cell) -> Alarm | None:
        """One more row: a number, or texts of names; an alarm where its block brings one."""
        if not self._block.takes(person):
            return None
        if isinstance(cell, tuple) and self._kind.keys is None:
            cell = tuple(self._names.key(text, person) for text in cell)
        if not self._block.add(Row(person, hour_of_week(time), cell), position):
            return None
        return self._close(time, position)

    def people(self) -> set[str]:
        """Who is in the open block, and who used a rare name."""
        return {row.person for row in self._block.rows} | self._names.people()

    def held_on(self, person: str) -> list[dict[str, Any]]:
        """Rows of the open block that are this person's, and the rare names that they used."""
        stream = self._kind.name.value
        rows = [{"stream": stream, "row": row.cell} for row in self._block.rows if row.person == person]
        return [*rows, *({"stream": stream, "name": key} for key in self._names.of_person(person))]

    def erase_person(self, person: str) -> int:
        """Remove those; how many there were."""
        return self._block.erase_person(person) + self._names.erase_person(person)

    def to_state(self) -> StreamState:
        """Everything but the detectors, which are made again of the scores that are kept."""
        return StreamState(
            keys=self._keys, names=self._names.known, judge=self._judge.to_state(), history=self._history,
            open=self._block.rows, start=self._block.start, blocks=self._blocks,
        )  # fmt: skip

    def restore(self, state: StreamState) -> None:
        """Go on from there."""
        self._keys, self._names.known = state.keys, state.names
        self._judge.restore(state.judge)
        self._block = Block(*self._rows, state.open, state.start)
        self._history, self._blocks = state.history, state.blocks
        self._detectors = None

    def _close(self, time: float, position: int) -> Alarm | None:
        """The block is full: judge it, learn from it, and ask the detectors."""
        block = self._block
        shares = block.shares()
        rest = self._names.largest(shares, self._keys)
        verdict = self._judge.judge(block.values(self._keys, rest), block.hours(), time)
        if self._kind.keys is None:
            self._names.fade(shares, self._blocks + 1, self._keys)
        self._history.add(verdict.block, verdict.scores, block.start)
        block.clear()
        self._blocks += 1
        fired = [column for column in self._asked() if verdict.ready[column]]
        alarm = self._alarm(fired, time, position) if fired else None
        if self._blocks == FIRST or self._blocks % self._settings.renew == 0:
            self._choose(time)
        return alarm

    def _asked(self) -> list[int]:
        """Columns whose detector alarms at the newest block; now and then the oldest ones are forgotten."""
        if len(self._history.starts) >= 2 * self._settings.keep:
            self._history.trim(self._settings.keep)
            self._detectors, fired = self._fed(self._history.scores)
            return fired
        scores = self._history.scores
        if self._detectors is None:
            self._detectors, _ = self._fed(scores[:-1])
        return [
            at
            for at, (one, score) in enumerate(zip(self._detectors, scores[-1], strict=True))
            if one.update(score)
        ]

    def _choose(self, time: float) -> None:
        """Watch the names that are frequent now. A new one needs a week again; the rest only a new level."""
        if self._kind.keys is not None:
            return
        most, share = self._settings.columns, self._settings.share
        # One that is watched may fall to half the share, or names at the border would come and go.
        held = [key for key in self._names.frequent(most, share / 2) if key in self._keys]
        new = [key for key in self._names.frequent(most, share) if key not in held]
        keys = [*held, *new][:most]
        if set(keys) == set(self._keys) - {OTHER}:
            return
        rest = -1 if self._blocks == FIRST else self._keys.index(OTHER)
        columns = [*(self._keys.index(key) if key in held else -1 for key in keys), rest]
        self._judge.choose(columns, time)
        self._keys = [*keys, OTHER]
        self._begin_again()

    def _begin_again(self) -> None:
        self._history, self._detectors = History(), None

    def _fed(self, history: Sequence[list[float]]) -> tuple[list[Detector], list[int]]:
        """Detectors of what is kept: after a restart they are the same as without one. Who alarms at once?"""
        among = round(len(self._keys) / self._kind.alarms)
        detectors = [self._make(among) for _ in self._keys]
        fired: set[int] = set()
        usual = [[0.0] * len(self._keys)] * ANCHOR
        for scores in [*usual, *history]:
            told = [one.update(score) for one, score in zip(detectors, scores, strict=True)]
            fired.update(at for at, yes in enumerate(told) if yes)
        return detectors, sorted(fired)

    def _alarm(self, fired: Sequence[int], time: float, position: int) -> Alarm | None:
        """The alarm of the column that moved most, and a new level; none where it is no worry."""
        changes = {column: self._history.change(column) for column in fired}
        column = max(fired, key=lambda one: abs(changes[one].moved))
        change, level = changes[column], self._history.level(changes[column].begin)
        if self._is_no_worry(column, change):
            self._judge.lean(level)
            self._begin_again()
            return None
        alarm = self._told(column, change, time, position)
        self._judge.move(level, len(self._history.starts) - change.begin)
        self._begin_again()
        self._choose(time)
        return alarm

    def _is_no_worry(self, column: int, change: Change) -> bool:
        """A better quality; or the most frequent of the names that are not watched is less frequent."""
        if self._kind.only_falls:
            return change.moved >= 0
        return self._kind.keys is None and self._keys[column] == OTHER and change.moved < 0

    def _told(self, column: int, change: Change, time: float, position: int) -> Alarm:
        name, before, after = self._named(column, change)
        before, after = self._kind.scale(before), self._kind.scale(after)
        what = "; ".join([self._kind.tell(name, before, after), *self._counterpart(column, change)])
        events = position - self._history.starts[change.begin] + 1
        return Alarm(
            time=time, position=position, stream=self._kind.name, name=name, what=what,
            before=before, after=after, events=events,
        )  # fmt: skip

    def _named(self, column: int, change: Change) -> tuple[str, float, float]:
        """Name of a column, before and after; of the rest, the name in it that gained most."""
        key = self._keys[column]
        if key != OTHER or self._kind.keys is not None:
            return self._text(key), change.before, change.after
        return self._names.riser(self._keys, len(self._history.starts) - change.begin)

    def _counterpart(self, column: int, change: Change) -> list[str]:
        """What moved most the other way since, if it is told."""
        others = {
            one: self._history.since(one, change.begin) for one, key in enumerate(self._keys) if key != OTHER
        }
        others.pop(column, None)
        if not others:
            return []
        sign = 1 if change.moved >= 0 else -1
        one = min(others, key=lambda one: sign * others[one].moved)
        if sign * others[one].moved > -COUNTERPART * abs(change.moved):
            return []
        return [self._kind.tell(self._text(self._keys[one]), others[one].before, others[one].after)]

    def _text(self, key: str) -> str:
        return key if self._kind.keys is not None else self._names.text(key)
