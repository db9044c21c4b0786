"""A replayed stream as tables for the terminal and as one HTML page with pictures."""

from datetime import UTC, datetime

from markupsafe import Markup
from rich.console import Group as Lines
from rich.table import Table

from penchant.evaluate.page import page
from penchant.evaluate.plots import segment_name
from penchant.evaluate.result import Estimate
from penchant.evaluate.stream_asking import HIT, NDCG
from penchant.evaluate.stream_plots import heat_map, over_time
from penchant.evaluate.stream_result import ArmResult, Ratio, StreamResult
from penchant.evaluate.tables import NO_VALUE, number, with_interval

ABOUT = {
    "frozen": "neither weights nor people's states move after the stream has begun",
    "live-state": "states move with every event, weights do not",
    "deltas": "item vectors learn what is taken within moments, the weights beside them never do",
    "online": "the product: item vectors learn as in deltas, and all weights learn each block when it has "
    "ended, with some of the past beside it",
    "warm-retrain": "goes on learning at the checkpoints, with more passes and more of the past",
    "joint-retrain": "is trained from scratch at the checkpoints, and asked only there",
    "naive": "plain fine-tuning on each block when it has ended, nothing against forgetting",
}
WORDS = {
    "all": "all questions",
    "checkpoints": "blocks after a checkpoint",
    "back-after-a-pause": "people back after a long pause",
}
HEAD = (f"{NDCG} [95%]", HIT, f"{NDCG} at checkpoints", "processor s", "to joint")
MOVED = ("backward", "forward", "forgetting")


def stream_tables(found: StreamResult) -> Lines:
    """What people read after ``penchant evaluate --arms``; print it with a ``rich.console.Console``."""
    parts = [_arms_table(found), "", _segments_table(found), "", _ratio_table(found)]
    return Lines(*parts, *(["", _kept_table(found)] if _learners(found) else []))


def stream_html(found: StreamResult) -> str:
    """A page for people who did not run it. Names are escaped; nothing is loaded from elsewhere."""
    return page(
        "stream_report.html",
        e=found,
        about=ABOUT,
        lines=[(name, Markup(over_time(found, name))) for name in (NDCG, HIT)],  # noqa: S704 - drawn here
        heats=[(name, Markup(heat_map(found, name))) for name in _learners(found)],  # noqa: S704
        head=HEAD,
        rows=[(name, _row(arm)) for name, arm in found.arms.items()],
        moved=MOVED,
        ratios=[(_pair(one), _where(one.where), _ratio(one)) for one in found.ratios],
        segment=segment_name,
        number=number,
        ndcg=NDCG,
        interval=with_interval,
        facts=_facts(found),
    )


def _row(arm: ArmResult) -> list[str]:
    share = NO_VALUE if arm.to_joint is None else f"{arm.to_joint:.1%}"
    return [
        with_interval(arm.metrics[NDCG]),
        number(arm.metrics[HIT]),
        with_interval(arm.checkpoints[NDCG]),
        f"{arm.seconds:,.1f}",
        share,
    ]


def _arms_table(found: StreamResult) -> Table:
    n = found.counts
    table = _table(
        f"{found.dataset}, a stream of {len(found.blocks)} blocks: {n['questions']:,} questions "
        f"of {n['people']:,} people, {n['items']:,} items ranked", "arm", *HEAD
    )  # fmt: skip
    for name, arm in found.arms.items():
        table.add_row(name, *_row(arm))
    return table


def _segments_table(found: StreamResult) -> Table:
    table = _table(
        f"{NDCG} by segment (joint-retrain: only blocks after a checkpoint)",
        "segment",
        "questions",
        *found.arms,
    )
    for name, n in found.segments.items():
        cells = [number(arm.segments[name][NDCG]) for arm in found.arms.values()]
        table.add_row(name, f"{n.questions:,}", *cells)
    return table


def _ratio_table(found: StreamResult) -> Table:
    table = _table(f"ratios of {NDCG} on the same questions", "ratio", "where", "value [95%]")
    for one in found.ratios:
        table.add_row(_pair(one), _where(one.where), _ratio(one))
    return table


def _kept_table(found: StreamResult) -> Table:
    table = _table("what is kept of old blocks", "arm", "backward (relative)", *MOVED[1:])
    for name in _learners(found):
        kept = found.arms[name].kept
        table.add_row(name, *(with_interval(kept.transfer[one]) if kept else NO_VALUE for one in MOVED))
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="", box=None, pad_edge=False
    )
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _learners(found: StreamResult) -> list[str]:
    """Arms whose matrix was made."""
    return [name for name, arm in found.arms.items() if arm.kept is not None]


def _pair(one: Ratio) -> str:
    return f"{one.first} / {one.second}"


def _where(place: str) -> str:
    return WORDS.get(place, place.replace("-", " "))


def _ratio(one: Ratio) -> str:
    """Three places: a ratio is near 1.

    >>> _ratio(Ratio(first="a", second="b", where="all", value=1.0, low=0.9876, high=1.01))
    '1.000 [0.988, 1.010]'
    """
    if one.value is None or one.low is None or one.high is None:
        return NO_VALUE
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _facts(found: StreamResult) -> list[tuple[str, str]]:
    counts = [(key.replace("_", " "), f"{value:,}") for key, value in found.counts.items()]
    settings = [
        (key, _moment(float(value)) if key in ("cut", "end") and value is not None else str(value))
        for key, value in found.settings.items()
    ]
    first = ("processor seconds of the first model", number(Estimate(found.first_seconds)))
    return [*settings, *counts, first]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
