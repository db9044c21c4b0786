"""How learning goes, gathered for the console: JSON-able, and nothing in it is of one person."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from penchant.app.ranker import FOLDER as RANKER
from penchant.app.shop import Shop
from penchant.errors import Conflict, NotFound, SnapshotRefused
from penchant.evaluate.stream_plots import heat_map
from penchant.evaluate.stream_result import StreamResult, read_stream
from penchant.learn.gate import Part
from penchant.learn.progress import PROGRESS, Hour, Progress, Told, read_progress, sum_of
from penchant.learn.shelf import Promotion, earlier
from penchant.model.snapshot import Learned, Manifest, read_manifest
from penchant.recommend.ranking.folder import read_ranker

DAYS = 14
"""Shown of the past, back from the newest hour."""

LEAST = 20
"""Questions that a point of the picture rests on."""

ALARMS, PROMOTIONS = 30, 20
"""Newest ones that are shown."""

COLUMNS = 10
"""Of a ranker, those that matter most to it."""

DAY = 86_400.0
PARTS: tuple[Part, ...] = ("newest", "memory", "anchor")
ARM = "online"
"""Whose forgetting is shown where several were replayed: the product's own."""

_drawing = Lock()


def learning_view(shop: Shop, served: Mapping[str, Any]) -> dict[str, Any]:
    """See :meth:`~penchant.serve.services.Services.learning`; ``served`` is the server's readiness."""
    history, progress = shop.shelf.history(), read_progress(shop.folder / PROGRESS)
    manifests, hours = _manifests(shop), _recent(progress.hours)
    return {
        "snapshot": history[-1].name if history else "",
        "since": _since(history),
        "loaded": served["snapshot"],
        "troubles": served["reasons"],
        "learner": served["learner"],
        "end": shop.log.end(),
        "progress": _standing(progress),
        "rates": rates(sum_of(hours)),
        "points": [rates(hour) for hour in pooled(hours)],
        "alarms": [_alarm(told) for told in reversed(progress.alarms[-ALARMS:])],
        "snapshots": [_snapshot(name, manifests[name], history) for name in reversed(manifests)],
        "promotions": _promotions(history, manifests)[:PROMOTIONS],
        "back": _back(history, manifests),
        "heat": _heat(shop.folder / "reports" / "learning.json"),
        "ranker": _ranker(shop),
        "report": (shop.folder / "reports" / "learning.html").is_file(),
    }


def _ranker(shop: Shop) -> dict[str, Any] | None:
    """What the shop's ranker was found to bring, and what it goes by; None where there is none."""
    if not (shop.folder / RANKER).exists():
        return None
    try:
        found = read_ranker(shop.folder / RANKER)[0]
    except SnapshotRefused as error:
        return {"broken": str(error)}
    most = sorted(found.importance.items(), key=lambda one: -one[1])[:COLUMNS]
    return {
        "broken": "",
        "serves": found.serves and shop.settings.recommend.ranking != "off",
        "off": shop.settings.recommend.ranking == "off",
        "made": found.made,
        "lists": found.lists,
        "people": found.people,
        "taste": found.taste,
        "ranked": found.ranked,
        "error": found.error,
        "importance": [{"name": name, "share": share} for name, share in most],
    }


def go_back(shop: Shop, expected: str) -> dict[str, Any]:
    """See :meth:`~penchant.serve.services.Services.rollback`."""
    history = shop.shelf.history()
    serves = history[-1].name if history else ""
    if serves != expected:
        raise Conflict(f"{serves or 'nothing'} serves by now, not what you saw: load the page again")
    if not earlier(history):
        raise NotFound("there is nothing to go back to: only one snapshot has served so far")
    try:
        return {"serves": shop.shelf.rollback(shop.clock()), "before": serves}
    except (NotFound, SnapshotRefused) as error:
        raise Conflict(str(error)) from error


def rates(hour: Hour) -> dict[str, float]:
    """Shares of the questions that were hit; of none where none was asked.

    >>> rates(Hour(start=0.0, asked=8, hits=4.0, still_hits=2.0))["serves"]
    0.5
    """
    asked = max(1, hour.asked)
    return {
        "start": hour.start,
        "asked": hour.asked,
        "followed": hour.followed / asked,
        "serves": hour.hits / asked,
        "still": hour.still_hits / asked,
        "frozen": hour.frozen_hits / asked,
    }


def pooled(hours: Sequence[Hour]) -> list[Hour]:
    """Hours, or days where an hour that has ended rests on fewer than ``LEAST`` questions; none is thinner.

    >>> busy, quiet = Hour(start=0.0, asked=30), Hour(start=3600.0, asked=3)
    >>> [hour.asked for hour in pooled([busy, quiet, Hour(start=DAY, asked=40)])]
    [33, 40]
    """
    thin = any(hour.asked < LEAST for hour in hours[:-1])
    days = [sum_of(list(day)) for _, day in groupby(hours, key=lambda hour: hour.start // DAY)]
    found: list[Hour] = []
    for part in days if thin else hours:
        if found and found[-1].asked < LEAST:
            found[-1] = sum_of([found[-1], part])
        else:
            found.append(part)
    if len(found) > 1 and found[-1].asked < LEAST:
        found[-2:] = [sum_of(found[-2:])]
    return found


def _recent(hours: Sequence[Hour]) -> list[Hour]:
    """Of the last days, those in which something was asked."""
    asked = [hour for hour in hours if hour.asked > 0]
    return [hour for hour in asked if hour.start > asked[-1].start - DAYS * DAY]


def _standing(progress: Progress) -> dict[str, Any] | None:
    """Where the learner stands; None where it never wrote."""
    if not progress.written:
        return None
    told = msgspec.to_builtins(progress)
    return {
        name: value for name, value in told.items() if name not in ("hours", "alarms", "counted", "forecast")
    }


def _alarm(told: Told) -> dict[str, Any]:
    alarm = {"time": told.alarm.time, "what": told.alarm.what}
    return alarm | msgspec.to_builtins(told.response)


def _manifests(shop: Shop) -> dict[str, Manifest | None]:
    """Oldest first, None where it cannot be read. Weights are not looked at: they may be large."""
    found: dict[str, Manifest | None] = {}
    for name in shop.shelf.names():
        try:
            found[name] = read_manifest(shop.shelf.path(name))
        except (NotFound, SnapshotRefused):  # The former: a learner has just pruned it.
            found[name] = None
    return found


def _snapshot(name: str, manifest: Manifest | None, history: Sequence[Promotion]) -> dict[str, Any]:
    """A row of the table."""
    learned = manifest.learned if manifest else None
    metrics = manifest.metrics if manifest else {}
    return {
        "name": name,
        "state": _state(name, history),
        "broken": manifest is None,
        "parent": manifest.parent if manifest else "",
        "losses": {part: metrics.get(f"{part}.loss") for part in PARTS},
        **_lesson(learned),
    }


def _lesson(learned: Learned | None) -> dict[str, Any]:
    """What was learned for a snapshot; None throughout where nobody wrote it down."""
    return {
        "made": learned.made if learned else None,
        "since": learned.since if learned else None,
        "to": learned.to if learned else None,
        "events": learned.events if learned else None,
        "accepted": learned.accepted if learned else None,
        "reasons": list(learned.reasons) if learned else [],
    }


def _state(name: str, history: Sequence[Promotion]) -> str:
    if history and history[-1].name == name:
        return "serves"
    return "served" if any(promotion.name == name for promotion in history) else "kept"


def _since(history: Sequence[Promotion]) -> float | None:
    """When what serves took over."""
    since = None
    for promotion in reversed(history):
        if promotion.name != history[-1].name:
            break
        since = promotion.time
    return since


def _promotions(history: Sequence[Promotion], manifests: Mapping[str, object]) -> list[dict[str, Any]]:
    """Newest first; ``here`` says whether the snapshot is still on the shelf."""
    told = [msgspec.to_builtins(one) | {"here": one.name in manifests} for one in history]
    return told[::-1]


def _back(history: Sequence[Promotion], manifests: Mapping[str, Manifest | None]) -> dict[str, Any] | None:
    """Where a rollback would lead; None where there is nowhere to go."""
    target = earlier(history)
    manifest = manifests.get(target)
    if manifest is None:
        return None
    last = max(n for n, promotion in enumerate(history) if promotion.name == target)
    made = manifest.learned.made if manifest.learned else None
    return {"name": target, "made": made, "until": history[last + 1].time}


def _heat(path: Path) -> dict[str, Any] | None:
    """What a replay found on forgetting, with its picture; None before the first one."""
    try:
        data = path.read_bytes()
        written = path.stat().st_mtime
        found = read_stream(data)
    except (OSError, msgspec.DecodeError):
        return None
    arm = _arm(found)
    if not arm:
        return None
    with _drawing:  # One at a time: settings of the drawing are the process's own.
        return {"arm": arm, "blocks": len(found.blocks), "written": written, "svg": _drawn(data, arm)}


@lru_cache(maxsize=1)
def _drawn(data: bytes, arm: str) -> str:
    return heat_map(read_stream(data), arm)


def _arm(found: StreamResult) -> str:
    """The arm whose matrix is shown; empty where none was made."""
    known = [name for name, arm in found.arms.items() if arm.kept is not None]
    return ARM if ARM in known else known[0] if known else ""
