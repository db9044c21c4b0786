"""Runs of models and peers: each in a process of its own, once; what was done before is found again.

A run is named by a hash of all that it depends on: the arrays, the questions, the settings, the seed and the
code. It is there when its ``report.json`` is; what was cut off is done anew.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data import load, text_vectors
from grids import BUDGET, GRADIENT, LAST, grid
from penchant.evaluate.protocols import Split, pick
from penchant.evaluate.ranked import Ranked
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.result import Evaluation, Seconds
from penchant.evaluate.run import Plan, compare, make_splits
from penchant.metrics import list_ranks, relevance_metrics
from tasks import PEERS, exchange, task_of

BENCH = Path(__file__).parent
SOURCE = BENCH.parent / "src" / "penchant"
CODE = ("model", "evaluate/baselines", "evaluate/model.py", "evaluate/protocols.py", "evaluate/ranked.py")
"""Of Penchant: what changes the lists of its own models."""
TUNED_ON = 5_000
"""Validation questions that settings are chosen by, at most."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """One data set cut by one plan."""

    data: str
    dataset: str
    plan: Plan
    splits: list[Split]
    items: ItemTable
    cache: Path
    key: str
    threads: int
    venv: Path
    tell: Tell

    @property
    def name(self) -> str:
        """For folders."""
        return f"{self.dataset}-{self.plan.protocol}-{self.plan.on}"


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a finished run left: lists for all questions (Q, K), and its report."""

    lists: np.ndarray
    report: dict


def world(data: str, plan: Plan, cache: Path, *, threads: int, venv: Path, tell: Tell) -> World:
    """Load and cut; text vectors are read once and kept in ``cache``."""
    given = load(data)
    histories, texts = given.histories, given.texts
    dataset = Path(data).name
    items = ItemTable(len(texts), text_vectors(texts, cache / dataset), prices=given.prices)
    splits = make_splits(histories, plan)
    key = digest(
        [histories.offsets, histories.items, histories.types, histories.times, histories.baskets]
        + ([] if given.prices is None else [given.prices]),
        [texts, given.attributes, plan.protocol, plan.on, plan.cut, plan.blocks, str(plan.target)],
    )
    return World(data, dataset, plan, splits, items, cache, key, threads, venv, tell)


def digest(arrays: Iterable[np.ndarray], values: object) -> str:
    """A short name for content."""
    found = hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8)
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def code_of(paths: Iterable[Path]) -> str:
    """A short name for the text of source files."""
    found = hashlib.blake2b(digest_size=8)
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.read_bytes())
    return found.hexdigest()


def own_run(world: World, model: str, settings: dict, seed: int) -> Run:
    """One of Penchant's models or baselines."""
    code = code_of([*(SOURCE / part for part in CODE), BENCH / "own.py"])
    key = digest([], [world.key, model, settings, seed, code])
    out = world.cache / "runs" / world.name / f"{model}-{seed}-{key}"
    plan = world.plan
    command = [sys.executable, str(BENCH / "own.py"), str(out), model, "--data", world.data]
    command += ["--protocol", plan.protocol, "--on", plan.on, "--seed", str(seed)]
    command += ["--settings", json.dumps(settings), "--stem", str(world.cache / world.dataset)]
    return _once(world, out, command, f"{model} seed {seed}", {})


def peer_run(world: World, peer: str, seed: int, chosen: dict) -> Run:
    """A peer with the settings that its tuning chose (see :func:`tuned`); all training parts."""
    settings = dict(chosen["settings"])
    if peer in GRADIENT:
        settings["minutes"] = LAST
        if world.splits[0].validation is None:
            settings["epochs"] = chosen["best_epoch"]
    parts = [
        _peer(world, _task(world, split, number, tuning=False), peer, settings, seed)
        for number, split in enumerate(world.splits)
    ]
    report = dict(parts[-1].report)
    for spent in ("fit", "ask"):
        report[spent] = {k: round(sum(p.report[spent][k] for p in parts), 4) for k in ("wall", "processor")}
    report["peak_mib"] = max(part.report["peak_mib"] for part in parts)
    report["tuning"] = chosen
    return Run(np.concatenate([part.lists for part in parts]), report)


def tuned(world: World, peer: str) -> dict:
    """The best of the peer's grid on validation questions, within its budget; kept."""
    plan = replace(world.plan, on="validation", protocol=_single(world.plan.protocol))
    histories = world.splits[0].full if world.plan.on == "validation" else None
    split = world.splits[0] if histories is not None else make_splits(load(world.data).histories, plan)[0]
    split = sampled(split)
    task = _task(world, split, 0, tuning=True)
    settings = grid(
        peer,
        n_items=world.items.count,
        several_types=split.target is not None and len(np.unique(split.train.types)) > 1,
        baskets=bool((np.diff(split.train.baskets) == 0).any()),
        text=world.items.vectors is not None,
    )
    tried: list[dict] = []
    for setting in settings:
        if sum(one["processor"] for one in tried) > 60 * BUDGET:
            break
        run = _peer(world, task, peer, setting, 0)
        spent = run.report["fit"]["processor"] + run.report["ask"]["processor"]
        found = {"settings": setting, "ndcg@10": round(_ndcg(run, split), 5), "processor": round(spent, 1)}
        tried.append(found | {"best_epoch": run.report.get("best_epoch")})
        world.tell(f"{peer} {setting} validation {found['ndcg@10']:.4f}, {spent:.0f} processor s")
    best = max(tried, key=lambda one: one["ndcg@10"])
    return best | {"tried": tried, "of": len(settings)}


def _single(protocol: str) -> str:
    """Prequential settings are chosen as for a time split."""
    return "time-split" if protocol == "prequential" else protocol


def sampled(split: Split) -> Split:
    """At most :data:`TUNED_ON` of the questions, the same ones each time."""
    if len(split.questions) <= TUNED_ON:
        return split
    chosen = np.zeros(len(split.questions), dtype=bool)
    chosen[np.random.default_rng(0).permutation(len(chosen))[:TUNED_ON]] = True
    return replace(split, questions=pick(split.questions, chosen))


def _ndcg(run: Run, split: Split) -> float:
    asked = split.questions
    ranks = list_ranks(run.lists, asked.owner, asked.items)
    return float(relevance_metrics(ranks, asked.owner, len(asked), [10])["ndcg@10"].mean())


def ranked(run: Run, splits: list[Split]) -> Ranked:
    """Lists with the places of the answers in them."""
    starts = np.cumsum([0] + [len(split.questions) for split in splits])
    owner = np.concatenate([s.questions.owner + start for s, start in zip(splits, starts, strict=False)])
    items = np.concatenate([split.questions.items for split in splits])
    return Ranked(run.lists, list_ranks(run.lists, owner, items))


def compared(world: World, runs: dict[str, list[Run]]) -> Evaluation:
    """What the lists of several models are worth; several runs of one are those of its seeds."""
    return compare(
        world.splits,
        {name: [ranked(run, world.splits) for run in made] for name, made in runs.items()},
        {name: spent(made) for name, made in runs.items()},
        plan=world.plan,
        items=world.items,
        dataset=world.dataset,
    )


def spent(runs: list[Run]) -> Seconds:
    """Means over runs."""
    return Seconds(
        fit=float(np.mean([run.report["fit"]["wall"] for run in runs])),
        score=float(np.mean([run.report["ask"]["wall"] for run in runs])),
    )


def _task(world: World, split: Split, number: int, *, tuning: bool) -> Path:
    task = task_of(split, world.items.count, world.items.vectors, tuning=tuning)
    asked = task.asked
    key = digest(
        [task.train.items, task.train.times, task.full.items, asked.people, asked.ends, asked.banned],
        [world.key, tuning, (PEERS / "exchange.py").read_text("utf-8")],
    )
    folder = world.cache / "tasks" / f"{world.name}-{'tuning' if tuning else number}-{key}"
    if not (folder / "task.npz").exists():
        exchange.save(folder, task)
    return folder


def _peer(world: World, task: Path, peer: str, settings: dict, seed: int) -> Run:
    key = digest([], [task.name, peer, settings, seed, world.threads, code_of([PEERS])])
    out = world.cache / "runs" / task.name / f"{peer}-{seed}-{key}"
    python = world.venv / "bin" / "python"
    if not python.exists():
        raise SystemExit(
            f"there are no peers in {world.venv}: run bench/peers/setup.sh, or leave --peers out"
        )
    given = {"threads": world.threads} | settings
    command = [str(python), str(PEERS / "run.py"), str(task), str(out), peer]
    command += ["--settings", json.dumps(given), "--seed", str(seed)]
    return _once(world, out, command, f"{peer} seed {seed} {settings}", {"PYTHONPATH": ""})


def _once(world: World, out: Path, command: list[str], what: str, extra: dict[str, str]) -> Run:
    report = out / "report.json"
    if not report.exists():
        world.tell(f"running {what}")
        out.mkdir(parents=True, exist_ok=True)
        threads = str(world.threads)
        env = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads} | extra
        with (out / "log.txt").open("w", encoding="utf-8") as log:
            done = subprocess.run(command, env=env, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise SystemExit(f"{what} ended with code {done.returncode}: {out / 'log.txt'}")
    with np.load(out / "lists.npz", allow_pickle=False) as found:
        lists = found["lists"]
    return Run(lists, json.loads(report.read_text("utf-8")))
