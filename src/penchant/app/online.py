"""Learning between two snapshots: follows the log, publishes deltas, watches what serves. Without torch.

Everything is made anew from the snapshot that serves and the log after it: a process that is killed begins
there again, so nothing is learned twice and nothing is left out.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penchant.app.drift import Drift
from penchant.app.live import Live
from penchant.app.output import note
from penchant.app.shop import Shop
from penchant.errors import NotTrained, PenchantError
from penchant.events.attributes import ConsentedAttributes
from penchant.events.cleaning.run import clean
from penchant.events.guests import Login
from penchant.events.impressions import propensity
from penchant.learn.course import Answer, Course, groups
from penchant.learn.data import fit_to_train, histories_from
from penchant.learn.gate import GateSettings
from penchant.learn.online import OnlineTable
from penchant.learn.people import Asked, People
from penchant.learn.progress import PROGRESS, Progress, read_progress, write_progress
from penchant.model.delta import Delta, DeltaHead, read_delta, write_delta
from penchant.model.histories import FloatArray
from penchant.model.serving import ServingModel, load_serving
from penchant.model.snapshot import WEIGHTS, read_manifest
from penchant.model.tokens import main_kind
from penchant.recommend.trend import ShopTrend
from penchant.taste.disregarded import CountedHistories
from penchant.taste.tokens import TokenMaker
from penchant.types import Logged, Pseudonym

AT_ONCE = 100
"""Events that are read and learned together."""
LOOK_SECONDS, AGAIN_SECONDS = 1.0, 10.0
"""Between two looks at the log, and after something went wrong."""
CLOCK_SECONDS = 3_600.0
"""By which the clock of who writes logins down may be set back."""
SAMPLE = 200
"""People whose behaviour says what is usual."""

Clock = Callable[[], float]


@dataclass(slots=True, eq=False)
class _Beside:
    """All that is learned beside one snapshot."""

    name: str
    model: ServingModel
    people: People
    trend: ShopTrend
    counts: FloatArray
    course: Course
    out: frozenset[Pseudonym]
    marked: frozenset[int]
    made: float
    slot: NDArray[np.int32]
    position: int
    told: int = -1
    published: int = 0
    number: int = 0
    refused: int = 0
    reason: str = ""


class Online:
    """Of one shop that is open for reading; :meth:`look` does what there is to do."""

    def __init__(self, shop: Shop, clock: Clock = time.monotonic) -> None:
        """``clock``, in seconds, says when something is published again."""
        self._shop = shop
        self._clock = clock
        self._path = shop.folder / PROGRESS
        self._progress = read_progress(self._path)
        self._drift = Drift(shop, self._progress.alarms)
        self._live = Live(shop, self._progress)
        self._logins = _Logins(shop)
        self._beside: _Beside | None = None
        self._gone: tuple[object, ...] = ()
        self._published = -np.inf

    def look(self, goes_on: Callable[[], bool] = lambda: True) -> bool:
        """Learn what came since the last look, and publish it; whether there was anything.

        Raises:
            NotTrained: there is no snapshot. PenchantError: something else is wrong; a later look may do.
        """
        name, gone = self._shop.shelf.current(), self._erased()
        if self._beside is None or (self._beside.name, self._gone) != (name, gone) or self._retold():
            self._logins.new()  # What is read now is read of who they are now.
            self._beside, self._gone = self._begin_anew(name), gone
        beside, found = self._joined(self._beside), False
        while goes_on() and (entries := self._with_rows(self._shop.log.follow(beside.position, AT_ONCE))):
            self._hear(beside, entries)
            found = True
        if self._clock() - self._published >= self._shop.settings.learn.seconds:
            self._tell(beside)
        return found

    def _with_rows(self, entries: list[Logged]) -> list[Logged]:
        """Those before the first one on an item without a row: the writer gives it one in a moment."""
        rows = self._shop.ids.rows([entry.event.item_id or "" for entry in entries]).tolist()
        pairs = enumerate(zip(entries, rows, strict=True))
        return entries[: next((n for n, (entry, row) in pairs if row < 0 and entry.event.item_id), None)]

    def _retold(self) -> bool:
        """Whether an item that the model reads has another text now."""
        assert self._beside is not None  # noqa: S101 - asked only then
        known = self._beside.slot
        return not np.array_equal(self._shop.catalog.text_table().slot[: len(known)], known)

    def _erased(self) -> tuple[object, ...]:
        """Changes when somebody is erased, opts out, or lets events be forgotten or count again: then what
        they taught is unlearned."""
        ledger = self._shop.folder / "erased.ledger"
        size = ledger.stat().st_size if ledger.exists() else 0
        held = self._shop.corrections.all_disregarded()
        named = frozenset((person, one.forgotten, one.remembered) for person, one in held.items())
        return self._shop.consent.opted_out(), size, named

    def _joined(self, beside: _Beside) -> _Beside:
        """After logins since the last look: what guests did is people's own by now."""
        logins = self._logins.new()
        if any(login.person in beside.out for _, login in logins):
            # What was learned of such a guest counts no more.
            return self._begin_anew(beside.name)
        for guest, login in logins:
            beside.people.forget(guest)
            beside.people.forget(login.person)
        return beside

    def _begin_anew(self, name: str) -> _Beside:
        self._beside = self._begin(name)
        self._live.begin(name)
        return self._beside

    def _begin(self, name: str) -> _Beside:
        """The snapshot, and the shop as it was when that was made."""
        shop = self._shop
        columns = shop.log.columns()
        cleaned = clean(columns, shop.settings.cleaning)
        kept = fit_to_train(columns, cleaned, shop.consent, shop.left_out())
        self._drift.erased(frozenset(Pseudonym(person) for person in kept.people))
        manifest = read_manifest(shop.shelf.path(name))
        since = manifest.log_position
        before = kept.keep(kept.position <= since)
        histories, people = histories_from(before, shop.ids)
        trend = ShopTrend(histories, people, shop.ids)
        model = self._load(name, trend)
        main = main_kind(histories.items, histories.types)
        # Of a clock that was fast: a time still to come must not keep what happens before it from teaching.
        latest = shop.clock() if manifest.learned is None else manifest.learned.to
        follow, made = self._people(model, main), min(float(histories.times.max(initial=0.0)), latest)
        usual = [follow.stood(person, made) for person in people[:: max(1, len(people) // SAMPLE)]]
        h = np.stack(usual) if usual else np.zeros((0, model.vectors().shape[1]), np.float32)
        counts = model.counts()
        table = OnlineTable.beside(model.vectors(), counts, h)
        aside = float(model.manifest.settings["auxiliary"])
        course = Course(table, model.biases(made).copy(), GateSettings(), since, aside)
        out = frozenset(cleaned.all_people()) | shop.consent.opted_out()
        return _Beside(
            name, model, follow, trend, counts, course, out, frozenset(cleaned.all_events()), made,
            shop.catalog.text_table().slot, since, number=_number(shop, name, model),
        )  # fmt: skip

    def _load(self, name: str, trend: ShopTrend) -> ServingModel:
        text = self._shop.catalog.text_vectors()
        prices = self._shop.catalog.prices(len(text))
        return load_serving(self._shop.shelf.path(name), text, trend.live, prices)

    def _people(self, model: ServingModel, main: int) -> People:
        shop = self._shop
        return People(
            model,
            CountedHistories(shop.log, shop.corrections.disregarded),
            TokenMaker(shop.ids, shop.catalog.queries.of),
            ConsentedAttributes(shop.attributes, shop.consent).attributes_of,
            since=model.manifest.log_position,
            main=main,
        )

    def _hear(self, beside: _Beside, entries: Sequence[Logged]) -> None:
        """Some events in the order of the log: asked, learned, counted."""
        self._grow(beside)
        heard: list[Logged] = []
        asked: list[Asked] = []
        for entry in entries:
            if self._teaches(beside, entry):
                one = beside.people.hear(entry)
                # What happened before the snapshot and comes in only now moves people, and teaches nothing.
                if one is not None and one.time >= beside.made:
                    asked.append(replace(one, shown=propensity(self._shop.impressions, entry.event)))
                heard.append(entry)
        answers: list[Answer] = []
        for group in groups(asked):
            levels, rate = beside.model.biases(group[0].time), self._drift.rate(group[0].position)
            answers += beside.course.take(group, levels, rate)
        beside.trend.add(entry.event for entry in heard)
        beside.position = entries[-1].position
        self._live.answered(answers)
        self._drift.see(heard, answers, beside.counts)

    def _teaches(self, beside: _Beside, entry: Logged) -> bool:
        person = Pseudonym(entry.event.user_id)
        if person in beside.out or entry.position in beside.marked:
            return False
        return not self._shop.corrections.disregarded(person).leaves_out(entry)

    def _grow(self, beside: _Beside) -> None:
        """Items that are new in the catalogue take part at once."""
        shop, known = self._shop, beside.model.n_items
        if len(shop.ids) <= known:
            return
        beside.slot = shop.catalog.text_table().slot
        text = shop.catalog.text_vectors()
        beside.model = beside.model.with_items(text[known:], shop.catalog.prices(len(text))[known:])
        beside.people.use(beside.model)
        now = beside.model.biases(shop.clock())
        beside.course.longer(beside.model.vectors()[known:], now[known:])

    def _tell(self, beside: _Beside) -> None:
        """Publish what was learned, if the cheap gate lets it; and how it goes."""
        self._published = self._clock()
        # The first time in any case: what lies there may be of somebody who was erased meanwhile.
        if beside.course.learned > beside.told and (beside.course.learned or beside.number):
            self._publish(beside)
            beside.told = beside.course.learned  # Fewer than before where it was refused and forgotten.
        if beside.position == self._progress.position and beside.name == self._progress.snapshot:
            return
        self._progress = Progress(
            written=self._shop.clock(), snapshot=beside.name, position=beside.position,
            learned=beside.course.learned, published=beside.published, refused=beside.refused,
            reason=beside.reason, watching=self._drift.missing, counted=self._live.counted,
            forecast=self._live.forecast, hours=self._live.hours, alarms=self._drift.alarms,
        )  # fmt: skip
        write_progress(self._path, self._progress)
        self._drift.keep()

    def _publish(self, beside: _Beside) -> None:
        course, levels = beside.course, beside.model.biases(self._shop.clock())
        verdict = course.judge(levels)
        if not verdict.accepted:
            beside.refused, beside.reason = beside.refused + 1, "; ".join(verdict.reasons)
            course.forget()
        rows = np.flatnonzero(course.table.moved)
        head = DeltaHead(
            weights=beside.model.manifest.checksums[WEIGHTS], number=beside.number + 1,
            position=beside.position, learned=course.learned, made=self._shop.clock(),
        )  # fmt: skip
        delta = Delta(head, rows, course.table.moves[rows], course.table.lifts(rows))
        write_delta(self._shop.shelf.path(beside.name), delta)
        beside.number, beside.published = head.number, beside.published + int(verdict.accepted)


class _Logins:
    """Guests who became somebody, each told once."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._told: frozenset[tuple[Pseudonym, Login]] = frozenset()
        self._newest = 0.0

    def new(self) -> list[tuple[Pseudonym, Login]]:
        """Logins since the last call, oldest first; all, the first time."""
        found = self._shop.guests.since(self._newest - CLOCK_SECONDS)
        fresh = [one for one in found if one not in self._told]
        self._told = frozenset(found)
        self._newest = max([self._newest, *(login.time for _, login in found)])
        return fresh


def follow_log(
    folder: Path, goes_on: Callable[[], bool] = lambda: True, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Learn beside whatever serves while ``goes_on`` holds. What goes wrong is told once and tried again."""
    said = ""
    while goes_on():
        try:
            with Shop(folder, writer=False) as shop:
                online = Online(shop)
                while goes_on():
                    online.look(goes_on)
                    said = ""
                    sleep(min(LOOK_SECONDS, shop.settings.learn.seconds))
        except NotTrained:
            pass  # It is told by whoever waits for a training.
        except Exception as error:  # Whatever it was, the next snapshot must still be heard of.
            told = str(error) or type(error).__name__
            if told != said:
                note(f"learner, between snapshots: {told}")
            said = told
        sleep(AGAIN_SECONDS)


def _number(shop: Shop, name: str, model: ServingModel) -> int:
    """Of the newest delta beside the snapshot, so that numbers go on after a restart."""
    try:
        delta = read_delta(shop.shelf.path(name), model.manifest)
    except PenchantError:
        return 0
    return delta.head.number if delta is not None else 0
