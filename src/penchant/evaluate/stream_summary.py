"""From the ranks that arms left to the figures of a report."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.protocols import DAY
from penchant.evaluate.result import Counts, Estimate, Metrics
from penchant.evaluate.stream_asking import METRICS, NDCG, ArmRun, quality
from penchant.evaluate.stream_cut import Floats, Stream
from penchant.evaluate.stream_result import ArmResult, Block, Kept, Ratio, StreamResult
from penchant.evaluate.summary import Sampling
from penchant.metrics import (
    Interval,
    backward_transfer_interval,
    bounds,
    cluster_bootstrap,
    cluster_sums,
    forward_transfer,
    intervals,
)
from penchant.metrics.forgetting import forgetting

Mask = NDArray[np.bool_]

LEAST_PAUSE = 30 * DAY
LONGEST = 0.1
"""Share of the pauses that count as long, where they are at least :data:`LEAST_PAUSE`."""
VISIT = DAY
"""What a person did in so many seconds before a question belongs to the same visit."""

JOINT, LIVE, NAIVE, ONLINE, WARM = "joint-retrain", "live-state", "naive", "online", "warm-retrain"
DELTAS = "deltas"
BACK = "back-after-a-pause"
CHECKPOINTS = "checkpoints"
COMPARED = (
    (ONLINE, JOINT, CHECKPOINTS),
    (ONLINE, JOINT, BACK),
    (WARM, JOINT, CHECKPOINTS),
    (JOINT, LIVE, CHECKPOINTS),
    (ONLINE, LIVE, CHECKPOINTS),
    (ONLINE, LIVE, "all"),
    (DELTAS, LIVE, "all"),
    (ONLINE, DELTAS, "all"),
    (ONLINE, NAIVE, "all"),
    (ONLINE, NAIVE, BACK),
    (LIVE, "frozen", "all"),
)
"""Ratios that are reported, where both arms ran: the first over the second, on which questions."""


def summarise_stream(
    stream: Stream,
    runs: Mapping[str, Sequence[ArmRun]],
    first_seconds: Sequence[float],
    *,
    dataset: str = "shop",
) -> StreamResult:
    """Figures of all arms, each with its runs of several seeds, and their ratios.

    Args:
        stream: what was asked.
        runs: arm → one run a seed, the same seeds for all arms.
        first_seconds: processor seconds of each seed's first model.
        dataset: name for the report.
    """
    joint = _seconds(runs[JOINT]) if JOINT in runs else None
    masks = groups(stream)
    return StreamResult(
        dataset=dataset,
        blocks=_blocks(stream),
        arms={name: _arm(stream, made, masks, joint) for name, made in runs.items()},
        ratios=_ratios(stream, runs, masks),
        counts=_counts(stream),
        segments={name: _counted(stream, mask) for name, mask in masks.items()},
        first_seconds=float(np.mean(first_seconds)),
        settings=_settings(stream),
    )


def groups(stream: Stream) -> dict[str, Mask]:
    """Masks (R,) over the relevant items: the first three and the last two each share them all out.

    - ``new-people``: no event before the cut
    - ``back-after-a-pause``: known, and the pause before this visit is among the longest tenth of those of
      known people, and at least 30 days
    - ``regulars``: all others
    - ``new-items`` / ``old-items``: no / an event on the item before the cut
    """
    split, owner = stream.split, stream.split.questions.owner
    known = split.known_people[split.questions.contexts.people]
    pause = np.where(known, pauses(stream), 0.0)
    limit = max(LEAST_PAUSE, float(np.quantile(pause[known], 1 - LONGEST))) if known.any() else np.inf
    back = known & (pause >= limit)
    trained = np.zeros(stream.items.count, dtype=bool)
    trained[split.train.items[split.train.items >= 0]] = True
    old = trained[split.questions.items]
    return {
        BACK: back[owner],
        "new-people": ~known[owner],
        "regulars": (known & ~back)[owner],
        "new-items": ~old,
        "old-items": old,
    }


def pauses(stream: Stream) -> Floats:
    """Seconds that each person had been away before the visit in which they were asked, (Q,).

    What they did in the day before a question is the same visit: who looks around before buying has not just
    been away. 0 for somebody who was never there before.
    """
    full, asked = stream.split.full, stream.split.questions.contexts
    begin = full.offsets[asked.people]
    width = float(full.times.max() - full.times.min()) + 2 * VISIT
    keys = full.person_of_event() * width + (full.times - full.times.min())
    first = np.searchsorted(keys, asked.people * width + (asked.times - full.times.min() - VISIT))
    first = np.minimum(np.maximum(first, begin), asked.ends)
    came = np.where(first < asked.ends, full.times[np.minimum(first, full.events - 1)], asked.times)
    return np.where(first > begin, came - full.times[np.maximum(first - 1, 0)], 0.0)


def ratio(
    first: Floats, second: Floats, people: NDArray[np.int64], sampling: Sampling | None = None
) -> Estimate:
    """Ratio of the means of two models over the questions (Q,) that both were asked, NaN for not asked.

    The interval resamples people, each with all of their questions of both.

    >>> asked, people = np.array([0.2, 0.4, np.nan]), np.array([0, 1, 2])
    >>> ratio(asked, asked / 2, people)
    Estimate(value=2.0, low=2.0, high=2.0)
    """
    how = sampling or Sampling()
    both = ~(np.isnan(first) | np.isnan(second))
    if not both.any() or not second[both].any():
        return Estimate(None)
    who, rows = np.unique(people[both], return_inverse=True)
    sums, counts = cluster_sums(np.stack([first, second], axis=1)[both], rows, len(who))
    means = cluster_bootstrap(sums, counts, how.draws, how.seed)
    top, bottom = sums.sum(axis=0)
    drawn = np.divide(means[:, 0], means[:, 1], out=np.full(len(means), np.nan), where=means[:, 1] > 0)
    return Estimate(float(top / bottom), *bounds(drawn, how.level))


def _mean(stream: Stream, made: Sequence[ArmRun], chosen: Mask | None = None) -> dict[str, Floats]:
    """Of each question, over the seeds."""
    found = [quality(stream, run.ranks, chosen) for run in made]
    return {name: np.mean([one[name] for one in found], axis=0) for name in METRICS}


def _ratios(stream: Stream, runs: Mapping[str, Sequence[ArmRun]], masks: Mapping[str, Mask]) -> list[Ratio]:
    places = {"all": None, CHECKPOINTS: _at_checkpoints(stream)[stream.split.questions.owner], **masks}
    people, found = stream.split.questions.contexts.people, list[Ratio]()
    for first, second, where in COMPARED:
        if first in runs and second in runs:
            a, b = (_mean(stream, runs[name], places[where])[NDCG] for name in (first, second))
            of = ratio(a, b, people, stream.plan.sampling)
            found.append(
                Ratio(first=first, second=second, where=where, value=of.value, low=of.low, high=of.high)
            )
    return found


def _arm(stream: Stream, made: Sequence[ArmRun], masks: Mapping[str, Mask], joint: float | None) -> ArmResult:
    values, spent = _mean(stream, made), _seconds(made)
    return ArmResult(
        metrics=_metrics(stream, values, stream.block >= 0),
        checkpoints=_metrics(stream, values, _at_checkpoints(stream)),
        blocks=[_metrics(stream, values, stream.block == k) for k in range(stream.blocks)],
        segments={
            name: _metrics(stream, _mean(stream, made, mask), stream.block >= 0)
            for name, mask in masks.items()
        },
        runs=[{name: _plain(_middle(quality(stream, run.ranks)[name])) for name in METRICS} for run in made],
        seconds=spent,
        by_block=np.mean([run.seconds[:-1] for run in made], axis=0).tolist(),
        to_joint=spent / joint if joint else None,
        kept=_kept(stream, made),
    )


def _kept(stream: Stream, made: Sequence[ArmRun]) -> Kept | None:
    """Transfer, of arms whose matrix was made."""
    matrix = np.mean([run.matrix for run in made], axis=0)
    if np.isnan(matrix).any():
        return None
    before, after = (
        np.mean([quality(stream, ranks)[NDCG] for ranks in found], axis=0)
        for found in ([run.after for run in made], [run.final for run in made])
    )
    old, how = stream.block < stream.blocks - 1, stream.plan.sampling
    people = stream.split.questions.contexts.people
    backward = backward_transfer_interval(
        before[old], after[old], people[old], stream.block[old], relative=True,
        draws=how.draws, level=how.level, seed=how.seed,
    )  # fmt: skip
    learned = matrix[1:]
    transfer = {
        "backward": _estimate(backward),
        "forward": Estimate(_plain(forward_transfer(learned, matrix[0]))),
        "forgetting": Estimate(_plain(forgetting(learned))),
    }
    return Kept(matrix=[[_plain(value) for value in row] for row in matrix], transfer=transfer)


def _metrics(stream: Stream, values: Mapping[str, Floats], chosen: Mask) -> Metrics:
    """Means with intervals over the questions ``chosen`` (Q,)."""
    table = np.stack([values[name] for name in METRICS], axis=1)[chosen]
    asked = ~np.isnan(table[:, 0])
    if not asked.any():
        return dict.fromkeys(METRICS, Estimate(None))
    people = stream.split.questions.contexts.people[chosen][asked]
    who, rows = np.unique(people, return_inverse=True)
    sums, counts = cluster_sums(table[asked], rows, len(who))
    how = stream.plan.sampling
    drawn = intervals(sums, counts, cluster_bootstrap(sums, counts, how.draws, how.seed), how.level)
    return {name: _estimate(one) for name, one in zip(METRICS, drawn, strict=True)}


def _seconds(made: Sequence[ArmRun]) -> float:
    """During the stream, without what only the matrix's last row needs."""
    return float(np.mean([run.seconds[:-1].sum() for run in made]))


def _at_checkpoints(stream: Stream) -> Mask:
    return np.isin(stream.block, stream.checkpoints)


def _blocks(stream: Stream) -> list[Block]:
    of = stream.block[stream.split.questions.owner]
    return [
        Block(
            start=float(stream.edges[k]),
            end=float(stream.edges[k + 1]),
            n=_counted(stream, of == k),
            checkpoint=k in stream.checkpoints,
        )
        for k in range(stream.blocks)
    ]


def _counted(stream: Stream, mask: Mask) -> Counts:
    """What the relevant items of ``mask`` (R,) rest on."""
    questions = np.unique(stream.split.questions.owner[mask])
    people = np.unique(stream.split.questions.contexts.people[questions])
    return Counts(people=len(people), questions=len(questions), relevant=int(mask.sum()))


def _counts(stream: Stream) -> dict[str, int]:
    n = _counted(stream, np.ones(len(stream.split.questions.items), dtype=bool))
    return {
        "people": n.people,
        "questions": n.questions,
        "relevant": n.relevant,
        "items": stream.items.count,
        "events_in_all": stream.split.full.events,
        "training_events": stream.split.train.events,
    }


def _settings(stream: Stream) -> dict[str, str | int | float | None]:
    plan, split = stream.plan, stream.split
    return {
        "target": "any" if split.target is None else split.target.value,
        "cut": float(split.start),
        "end": float(split.end),
        "blocks": stream.blocks,
        "checkpoints": ",".join(str(k + 1) for k in stream.checkpoints),
        "seeds": ",".join(map(str, plan.seeds)),
        "draws": plan.sampling.draws,
        "level": plan.sampling.level,
        "ranking": "full catalogue, seen items left out" if split.leave_out_seen else "full catalogue",
    }


def _middle(values: Floats) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else math.nan


def _estimate(found: Interval) -> Estimate:
    return Estimate(*(_plain(part) for part in found))


def _plain(value: float) -> float | None:
    """None for what JSON has no number for."""
    return None if math.isnan(value) else float(value)
