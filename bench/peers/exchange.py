"""What the two virtual environments pass to each other: arrays in, lists out. Numpy and nothing else.

A task is ``task.npz`` (and ``text.npy``): the training part, all events that a question may look back on, the
questions, what must not be in a list, and what training may stop by. There are no answers in it but those
of the validation part.
"""

import json
import resource
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

K = 20
"""Length of the lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Events, as in ``penchant.model.histories``: person p did ``offsets[p]:offsets[p + 1]``."""

    offsets: np.ndarray
    items: np.ndarray
    types: np.ndarray
    times: np.ndarray
    baskets: np.ndarray

    def people(self) -> np.ndarray:
        """Person of each event, (E,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Moments: the person's events before ``ends`` are known; ``banned`` rows are (question, item) pairs.

    ``owner`` and ``items`` are the answers, known for the validation part alone.
    """

    people: np.ndarray
    ends: np.ndarray
    times: np.ndarray
    banned: np.ndarray
    owner: np.ndarray
    items: np.ndarray

    def __len__(self) -> int:
        return len(self.people)

    def take(self, rows: np.ndarray) -> "Asked":
        """Only these questions, which must be in order."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        banned = place[self.banned[:, 0]] >= 0
        kept = place[self.owner] >= 0
        return Asked(
            self.people[rows],
            self.ends[rows],
            self.times[rows],
            np.stack([place[self.banned[banned, 0]], self.banned[banned, 1]], axis=1),
            place[self.owner[kept]],
            self.items[kept],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One training part and its questions. ``target`` is the type code asked for, -1 for any with an item."""

    train: Log
    full: Log
    asked: Asked
    valid: Asked | None
    n_items: int
    target: int
    text: np.ndarray | None

    def wanted(self, log: Log, only_target: bool) -> np.ndarray:
        """Events with an item that count, (E,) bool."""
        kind = log.types == self.target if only_target and self.target >= 0 else log.types >= 0
        return (log.items >= 0) & kind

    def popularity(self) -> np.ndarray:
        """How often each item was taken in the training part, (N,)."""
        return np.bincount(self.train.items[self.wanted(self.train, True)], minlength=self.n_items)

    def prior(self) -> np.ndarray:
        """Popularity from -1 to below 0, (N,): the order of what no score above 0 speaks for."""
        popular = self.popularity()
        return (popular / (popular.max() + 1.0) - 1.0).astype(np.float32)


def save(folder: Path, task: Task) -> None:
    """Write a task; a half-written one is never found under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"n_items": np.array(task.n_items), "target": np.array(task.target)}
    for name in ("train", "full", "asked", "valid"):
        part = getattr(task, name)
        if part is not None:
            arrays |= {f"{name}_{f.name}": getattr(part, f.name) for f in fields(part)}
    if task.text is not None:
        np.save(folder / "text.npy", task.text)
    made = folder / "made.npz"
    np.savez(made, **arrays)
    made.rename(folder / "task.npz")


def load(folder: Path) -> Task:
    """Read what :func:`save` wrote."""
    with np.load(folder / "task.npz", allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    text = folder / "text.npy"

    def part(kind, name):
        return kind(**{f.name: arrays[f"{name}_{f.name}"] for f in fields(kind)})

    return Task(
        train=part(Log, "train"),
        full=part(Log, "full"),
        asked=part(Asked, "asked"),
        valid=part(Asked, "valid") if "valid_people" in arrays else None,
        n_items=int(arrays["n_items"]),
        target=int(arrays["target"]),
        text=np.load(text, allow_pickle=False) if text.exists() else None,
    )


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def wall(self) -> float:
        return time.perf_counter() - self._wall

    def processor(self) -> float:
        return time.process_time() - self._processor

    def read(self) -> dict[str, float]:
        """Both, rounded."""
        return {"wall": round(self.wall(), 4), "processor": round(self.processor(), 4)}


def peak_mib() -> float:
    """The most memory that this process held so far.

    Linux counts what a process held *before* it became this program into ``ru_maxrss``: a child of a
    large process would look large. Its own mark is asked for where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (mark,) = (line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return round(int(mark.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def top(scores: np.ndarray, banned: np.ndarray, first: int) -> np.ndarray:
    """The K best items of each row, (b, K) int32, -1 where none is left.

    Args:
        scores: (b, N), written into; ``-inf`` for what cannot be recommended.
        banned: all (question, item) pairs, ordered by question. first: question of row 0.
    """
    low, high = np.searchsorted(banned[:, 0], [first, first + len(scores)])
    scores[banned[low:high, 0] - first, banned[low:high, 1]] = -np.inf
    width = min(K, scores.shape[1])
    found = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    values = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    lists = np.take_along_axis(found, order, axis=1)
    lists[np.take_along_axis(values, order, axis=1) == -np.inf] = -1
    return np.pad(lists, ((0, 0), (0, K - width)), constant_values=-1).astype(np.int32)


def answer(asked: Asked, score, n_items: int, prior: np.ndarray) -> np.ndarray:
    """Lists (Q, K) of ``score(rows)``, a (b, N) float32 of the questions ``rows``; by parts of 64 MiB.

    A question of which a model says nothing (all scores equal) gets the most popular items.
    """
    size = max(1, 2**24 // n_items)
    lists = np.full((len(asked), K), -1, np.int32)
    for first in range(0, len(asked), size):
        rows = np.arange(first, min(first + size, len(asked)))
        scores = score(rows)
        silent = scores.max(axis=1) <= scores.min(axis=1)
        scores[silent] = prior
        lists[rows] = top(scores, asked.banned, first)
    return lists


def ndcg(lists: np.ndarray, asked: Asked) -> float:
    """Mean NDCG@10; to stop by. What is reported is measured by Penchant's own code, for all alike."""
    place = (lists[asked.owner, :10] == asked.items[:, None]) @ (1 / np.log2(np.arange(10) + 2.0))
    gain = np.bincount(asked.owner, weights=place, minlength=len(asked))
    count = np.bincount(asked.owner, minlength=len(asked))
    best = np.concatenate([[np.inf], np.cumsum(1 / np.log2(np.arange(10) + 2.0))])
    return float((gain / best[np.minimum(count, 10)]).mean())


def history_matrix(log: Log, keep: np.ndarray, asked: Asked, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``last`` kept events before each question: (M,) question and (M,) index of the event, in order."""
    kept = np.flatnonzero(keep)
    high = np.searchsorted(kept, asked.ends)
    low = np.maximum(np.searchsorted(kept, log.offsets[asked.people]), high - last)
    counts = high - low
    owner = np.repeat(np.arange(len(asked)), counts)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return owner, kept[np.arange(counts.sum()) - starts[owner] + low[owner]]


def finish(folder: Path, lists: np.ndarray, report: dict) -> None:
    """Write lists and what was measured; the report is written last and says that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "lists.npz", lists=lists)
    made = folder / "made.json"
    made.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    made.rename(folder / "report.json")
