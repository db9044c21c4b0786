"""How learning goes, for people to look at: a small file that the learner replaces now and then.

It holds sums over many people and nothing of one person. What the learner goes on from is elsewhere: the
snapshots, and the log.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from penchant.errors import StorageError
from penchant.learn.drift.alarm import Alarm, Response
from penchant.model.folders import write_file

PROGRESS = Path("learning") / "progress.json"
"""In a shop's folder."""
DRIFT = Path("learning") / "drift.json"
"""What drift detection goes on from, in a shop's folder."""
HOUR = 3600.0
KEPT_HOURS = 24 * 28


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """First times that were asked before they were learned from, in the hour from ``start`` (unix seconds).

    Attributes:
        asked: how many. followed: of them, things that a list had shown to the person the day before.
        hits, ndcg: sums of HR@10 and NDCG@10 of what serves.
        still_hits, still: of the snapshot without what was learned since, people's states moving on.
        frozen_hits, frozen: of the snapshot with people as it found them.
    """

    start: float
    asked: int = 0
    followed: int = 0
    hits: float = 0.0
    still_hits: float = 0.0
    frozen_hits: float = 0.0
    ndcg: float = 0.0
    still: float = 0.0
    frozen: float = 0.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm and what the learner did about it."""

    alarm: Alarm
    response: Response


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What ``snapshot`` is expected to reach: mean NDCG@10 of first times before it served, and its error."""

    snapshot: str
    mean: float
    error: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the learner stands.

    Attributes:
        written: unix seconds of this report. snapshot: what it learns on from. position: newest place of the
            log that it has learned. learned: first times that were, since the snapshot. published, refused:
            deltas, since the snapshot. reason: why the last one was refused; empty where it was not.
        watching: why nothing watches for drift; empty where something does.
        counted: newest place of the log that is in ``hours``. forecast: of what serves; None where the
            learner has not seen it take over.
        hours: newest last. alarms: newest last.
    """

    written: float = 0.0
    snapshot: str = ""
    position: int = 0
    learned: int = 0
    published: int = 0
    refused: int = 0
    reason: str = ""
    watching: str = ""
    counted: int = 0
    forecast: Forecast | None = None
    hours: list[Hour] = []
    alarms: list[Told] = []


def read_progress(path: Path) -> Progress:
    """What was written last; an empty one where nothing was, or it cannot be read.

    >>> read_progress(Path("/nowhere/progress.json")).hours
    []
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Progress()


def write_progress(path: Path, progress: Progress) -> None:
    """Replace the file as a whole.

    Raises:
        StorageError: the disk refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, msgspec.json.encode(progress))
    except OSError as error:
        raise StorageError(f"cannot write {path.name}: {error}; free some space") from error


def sum_of(hours: Sequence[Hour]) -> Hour:
    """All of them as one, from the first one's start on.

    >>> one = Hour(start=5.0, asked=1, hits=1.0)
    >>> sum_of([one, one]).asked, sum_of([one, one]).start, sum_of([]).asked
    (2, 5.0, 0)
    """
    start = hours[0].start if hours else 0.0
    names = [name for name in Hour.__struct_fields__ if name != "start"]
    return Hour(start=start, **{name: sum(getattr(hour, name) for hour in hours) for name in names})


def counted(hours: Sequence[Hour], more: Sequence[Hour]) -> list[Hour]:
    """``hours`` with the sums of ``more`` added, each hour once, newest last; the oldest are left out.

    >>> one = Hour(start=10.0, asked=1)
    >>> [(hour.start, hour.asked) for hour in counted(counted([], [one, one]), [one, Hour(start=20.0)])]
    [(0.0, 3)]
    """
    by_start = {hour.start: hour for hour in hours}
    for one in more:
        start = one.start // HOUR * HOUR
        old = by_start.get(start, Hour(start=start))
        by_start[start] = sum_of([old, one])
    return [by_start[start] for start in sorted(by_start)][-KEPT_HOURS:]
