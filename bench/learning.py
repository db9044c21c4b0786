"""Does it go on learning without forgetting? Arms on the last part of a log, each event predicted first.

    python bench/learning.py --data beauty
    python bench/learning.py --data grocery --seeds 0,1,2 --arms online,live-state,joint-retrain
    python bench/learning.py --data beauty --on validation --arms live-state,online,naive

The stream is the last 30% of time of beauty, the last 182 days of online-retail, the last half of
retail-rocket, the last 91 days of the grocery, in 10 blocks. ``--on validation`` is the log before that, cut
by the same rule: to choose settings by. Each model that is trained first, each arm of each seed and each
training of ``joint-retrain`` is a process of its own and is kept under ``--cache``: the same command goes on
where it was cut off. Writes a table to the screen, and JSON and an HTML report under bench/results/.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from data import load, model_settings, text_vectors
from penchant.evaluate.arms import ARMS, JointRetrain, make_arms
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.run import PARTS
from penchant.evaluate.stream import first_model, note, nothing_asked, run_arm, seed_of
from penchant.evaluate.stream_asking import ArmRun, Asker
from penchant.evaluate.stream_cut import Stream, StreamPlan, open_stream
from penchant.evaluate.stream_report import stream_html, stream_tables
from penchant.evaluate.stream_summary import summarise_stream
from penchant.learn.continued import trained
from penchant.model.loading import load_model
from penchant.model.saving import save_snapshot
from penchant.model.settings import ModelSettings
from runs import SOURCE, code_of, digest
from tables import RESULTS

DAY = 86_400.0
SHARES = {"beauty": 0.3, "retail-rocket": 0.5}
"""Of time that is the stream."""
DAYS = {"online-retail": 182, "grocery": 91}
"""The same in days."""
FIRST = "first"
"""The run that trains what all arms start from."""
JOINT = "joint-retrain"
"""The arm whose trainings are runs of their own: ``joint-retrain@4`` is the one before block 4."""
TRAINING = ("model", "evaluate/protocols.py")
LEARNING = ("model", "learn", "evaluate", "metrics/ranking.py", "metrics/relevance.py")
"""Of Penchant: what changes a first model, and what changes an arm's answers."""
REPORTING = ("plots", "report", "result", "summary", "tables")
"""Of ``evaluate``: what changes no answer."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Where runs are kept, and how they are made."""

    data: str
    on: str
    minutes: float
    matrix: bool
    cache: Path

    def folder(self, name: str, seed: int) -> Path:
        """Of one run, named by all that it depends on."""
        code = code_of(_sources(TRAINING if name == FIRST else LEARNING))
        parts = [self.data, self.on, self.minutes, name, seed, code]
        key = digest([], parts if name == FIRST else [*parts, self.matrix])
        return self.cache / "learning" / f"{Path(self.data).name}-{self.on}-{name}-{seed}-{key}"


def _sources(parts: tuple[str, ...]) -> list[Path]:
    """Files of code; not those that only make reports."""
    files = [file for part in parts for file in ([SOURCE / part] if part.endswith(".py") else
             sorted((SOURCE / part).rglob("*.py")))]  # fmt: skip
    return [file for file in files if not any(word in file.stem for word in REPORTING)]


def say(what: str) -> None:
    """Progress on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="beauty", choices=[*SHARES, *DAYS])
    add("--on", choices=PARTS, default="test", help="validation: to choose settings by")
    add("--arms", default=",".join(ARMS))
    add("--seeds", default="0", help="such as 0,1,2")
    add("--minutes", type=float, default=19.0, help="limit on training time of a model")
    add("--no-matrix", action="store_true", help="do not ask all blocks after each")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    add(
        "--only",
        nargs=4,
        metavar=("RUN", "SEED", "OUT", "FIRST"),
        help="one run in this process; for the bench itself",
    )
    return parser.parse_args()


def cut_of(data: str, times: np.ndarray) -> float:
    """Unix seconds at which the stream of a log with these ``times`` begins.

    >>> cut_of("beauty", np.array([0.0, 100.0])), cut_of("grocery", np.array([0.0, 100 * DAY])) / DAY
    (70.0, 9.0)
    """
    first, last = float(times.min()), float(times.max())
    return last - (DAYS[data] * DAY if data in DAYS else SHARES[data] * (last - first))


def stream_of(runs: Runs, arms: tuple[str, ...], seeds: tuple[int, ...]) -> Stream:
    """The data set, cut."""
    given = load(runs.data)
    histories = given.histories
    if runs.on == "validation":
        histories = histories.before(cut_of(runs.data, histories.times))
    items = ItemTable(
        len(given.texts), text_vectors(given.texts, runs.cache / runs.data), prices=given.prices
    )
    plan = StreamPlan(arms=arms, cut=cut_of(runs.data, histories.times), seeds=seeds, matrix=runs.matrix)
    return open_stream(histories, items, plan, attributes=given.attributes)


def main() -> None:
    options = arguments()
    runs = Runs(options.data, options.on, options.minutes, not options.no_matrix, options.cache)
    if options.only:
        name, seed, out, first = options.only
        one(runs, name, int(seed), Path(out), Path(first))
        return
    arms = tuple(arm.name for arm in make_arms(options.arms.split(",")))
    seeds = tuple(int(seed) for seed in options.seeds.split(","))
    stream = stream_of(runs, arms, seeds)
    # Named once: whoever edits the code meanwhile does not mix two versions of it.
    folders = {(name, seed): runs.folder(name, seed) for seed in seeds for name in (FIRST, *arms)}
    for (name, seed), out in folders.items():
        parts = [f"{JOINT}@{block}" for block in stream.checkpoints] if name == JOINT else []
        for part in parts:
            _once(runs, part, seed, runs.folder(part, seed), folders[FIRST, seed])
        _once(runs, name, seed, out, folders[FIRST, seed])
    found = summarise_stream(
        stream,
        {name: [read(folders[name, seed]) for seed in seeds] for name in arms},
        [_seconds(folders[FIRST, seed]) for seed in seeds],
        dataset=options.data,
    )
    RESULTS.mkdir(exist_ok=True)
    name = f"learning-{options.data}" + ("" if options.on == "test" else f"-{options.on}")
    (RESULTS / f"{name}.json").write_bytes(found.json())
    (RESULTS / f"{name}.html").write_text(stream_html(found), encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 180).print(stream_tables(found))


def one(runs: Runs, name: str, seed: int, out: Path, first: Path) -> None:
    """Train the first model, or one of those from scratch, or run one arm."""
    stream = stream_of(runs, () if name == FIRST or "@" in name else (name,), (seed,))
    items = stream.items
    settings = model_settings([], time_budget_s=60 * runs.minutes, threads=1)
    if name == FIRST:
        model, seconds = first_model(stream, settings, seed)
        save_snapshot(model, out / "model", id_table_hash="", id_table_length=items.count, log_position=0)
        _finish(out, {"seconds": round(seconds, 2)})
        return
    if name == JOINT:
        run = joined(stream, [(block, runs.folder(f"{JOINT}@{block}", seed)) for block in stream.checkpoints])
    elif "@" in name:
        run = from_scratch(stream, int(name.partition("@")[2]), seed, settings)
    else:
        base = load_model(first / "model", items.count, items.vectors, items.prices)
        (arm,) = make_arms([name])
        run = run_arm(stream, base, arm, seed, tell=lambda what, _: say(what))
    np.savez(
        out / "run.npz",
        ranks=run.ranks, after=run.after, final=run.final, matrix=run.matrix, seconds=run.seconds,
    )  # fmt: skip
    _finish(out, {"seconds": round(float(run.seconds.sum()), 2)})


def from_scratch(stream: Stream, block: int, seed: int, settings: ModelSettings) -> ArmRun:
    """Train before ``block`` and ask it, as ``joint-retrain`` does at each of its checkpoints."""
    run, turn, begun = nothing_asked(stream), stream.turn(block, seed_of(seed, block)), time.process_time()
    model = trained(turn.known, replace(settings, seed=turn.seed))
    run.seconds[block] = time.process_time() - begun
    note(stream, run, block, Asker.of(stream, JointRetrain.live).ask(model, block))
    return run


def joined(stream: Stream, parts: list[tuple[int, Path]]) -> ArmRun:
    """The arm of these trainings."""
    run = nothing_asked(stream)
    for block, folder in parts:
        part = read(folder)
        run.seconds[block] = part.seconds[block]
        note(stream, run, block, part.ranks)
    return run


def read(folder: Path) -> ArmRun:
    """What :func:`one` kept of an arm."""
    with np.load(folder / "run.npz", allow_pickle=False) as found:
        return ArmRun(**{name: found[name] for name in found.files})


def _finish(out: Path, report: dict) -> None:
    """A run is there when its report is."""
    part = out / "report.part"
    part.write_text(json.dumps(report) + "\n", encoding="utf-8")
    part.rename(out / "report.json")


def _seconds(folder: Path) -> float:
    return json.loads((folder / "report.json").read_text("utf-8"))["seconds"]


def _once(runs: Runs, name: str, seed: int, out: Path, first: Path) -> None:
    """One run in a process of its own, unless it is there."""
    if (out / "report.json").exists():
        return
    say(f"running {name} seed {seed}")
    shutil.rmtree(out, ignore_errors=True)  # what was cut off
    out.mkdir(parents=True)
    command = [sys.executable, __file__, "--data", runs.data, "--on", runs.on]
    command += ["--minutes", str(runs.minutes), "--cache", str(runs.cache)]
    command += ["--only", name, str(seed), str(out), str(first)]
    command += [] if runs.matrix else ["--no-matrix"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with (out / "log.txt").open("w", encoding="utf-8") as log:
        done = subprocess.run(command, env=env, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{name} seed {seed} ended with code {done.returncode}: {out / 'log.txt'}")


if __name__ == "__main__":
    main()
