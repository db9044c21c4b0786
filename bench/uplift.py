"""Effects of simulated trials beside the default learners of econml, causalml and scikit-uplift.

    python bench/uplift.py --python .venv-uplift/bin/python --rows 4000 --seeds 2

Same trials, features and Qini for all; peers learn in five folds, Penchant in its own (as `penchant
campaigns fit` does). Besides Qini on what was seen there is the true one, of the effects that the
simulation knows, as a share of the best possible order's. Writes bench/results/uplift.json.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Printed

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.campaigns.features import read_features
from penchant.decide.campaigns.sample import Features, Sample, folds_of
from penchant.decide.campaigns.stack import out_of_fold
from penchant.decide.tables import typed
from penchant.metrics.uplift import qini
from penchant.testing.trials import Shape, Trial, simulated_trial

RESULTS = Path(__file__).parent / "results" / "uplift.json"
OURS = "penchant"
SHAPES = {
    "linear": Shape(),
    "steps": Shape(kind="steps"),
    "curved": Shape(kind="curved", rate=0.3, spread=0.5),
    "by response": Shape(kind="by-response"),
    "against response": Shape(kind="against-response", rate=0.2),
    "rare": Shape(rate=0.01, kind="by-response", spread=0.5, effect=0.5),
    "amount": Shape(binary=False, rate=5.0),
    "10% treated": Shape(share=0.1, spread=0.5),
    "90% treated": Shape(share=0.9, kind="steps", spread=0.5),
}


def true_qini(uplift: np.ndarray, effect: np.ndarray) -> float:
    """Of the order by ``uplift``, as a share of that of the best order."""

    def area(order: np.ndarray) -> float:
        gain = np.cumsum(effect[order]) / len(effect)
        return float(gain.mean() - gain[-1] / 2)

    return area(np.argsort(-uplift, kind="stable")) / area(np.argsort(-effect))


def ours(trial: Trial, seed: int) -> tuple[np.ndarray, float]:
    """Uplift of each row as the command finds it, and processor seconds."""
    start = time.process_time()
    read = read_features([typed(name, values) for name, values in trial.columns.items()])
    nobody = Features(read.features.trees[:0], read.features.lines[:0])
    sample = Sample(read.features, trial.treated, trial.outcome, float(trial.treated.mean()))
    found = out_of_fold(sample, LightGbmRegression(), seed=seed, others=nobody)
    return found.uplift, time.process_time() - start


def theirs(trial: Trial, seed: int, python: str, learners: str) -> dict:
    """What ``peers/uplift.py`` finds with the same features, missing ones filled in with the median."""
    read = read_features([typed(name, values) for name, values in trial.columns.items()])
    x = read.features.trees.astype(np.float64)
    x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "trial.npz", Path(folder) / "out.json"
        fold = folds_of(trial.treated, trial.outcome, 5, seed)
        np.savez(path, x=x, treated=trial.treated, outcome=trial.outcome, fold=fold)
        script = Path(__file__).parent / "peers" / "uplift.py"
        command = [python, str(script), str(path), str(out), "--learners", learners]
        subprocess.run(command, check=True, capture_output=True)
        return json.loads(out.read_text("utf-8"))


def one_trial(name: str, given: argparse.Namespace, seed: int) -> dict:
    trial = simulated_trial(given.rows, SHAPES[name], seed)
    uplift, seconds = ours(trial, seed)
    found = {OURS: {"uplift": uplift, "seconds": seconds}}
    if given.python:
        peers = theirs(trial, seed, given.python, given.learners)
        found |= peers["learners"]
    rows = {}
    for learner, one in found.items():
        if "error" in one:
            rows[learner] = one
            continue
        each = np.asarray(one["uplift"])
        rows[learner] = {
            "qini": qini(each, trial.treated, trial.outcome),
            "true": true_qini(each, trial.effect),
            "correlation": float(np.corrcoef(each, trial.effect)[0, 1]) if np.ptp(each) > 0 else 0.0,
            "seconds": one["seconds"],
        }
    return {"shape": name, "rows": given.rows, "seed": seed, "learners": rows}


def table(trials: list[dict]) -> Printed:
    """True Qini by shape, mean over seeds, the best mean first."""
    shapes = list(dict.fromkeys((one["shape"], one["rows"]) for one in trials))
    values: dict[str, dict] = {}
    for one in trials:
        for learner, row in one["learners"].items():
            key = (one["shape"], one["rows"])
            values.setdefault(learner, {}).setdefault(key, []).append(row.get("true", np.nan))
    shown = Printed(title="true Qini, share of the best order's", title_justify="left", box=None)
    shown.add_column("learner")
    for shape, rows in shapes:
        shown.add_column(f"{shape} {rows:,}", justify="right")
    shown.add_column("mean", justify="right")

    def mean(learner: str) -> float:
        return float(np.nanmean([np.mean(v) for v in values[learner].values()]))

    for learner in sorted(values, key=lambda name: -mean(name)):
        cells = [f"{np.mean(values[learner][s]):.2f}" if s in values[learner] else "–" for s in shapes]
        shown.add_row(learner, *cells, f"{mean(learner):.3f}")
    return shown


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--python", default="", help="of the peers' environment; without it, ours alone")
    asked.add_argument("--rows", type=int, default=4000)
    asked.add_argument("--seeds", type=int, default=2)
    asked.add_argument("--shapes", default=",".join(SHAPES))
    asked.add_argument("--learners", default="", help="peers, joined by commas; all, if nothing is said")
    asked.add_argument("--out", type=Path, default=RESULTS)
    given = asked.parse_args()
    trials = json.loads(given.out.read_text("utf-8"))["trials"] if given.out.exists() else []
    for name in given.shapes.split(","):
        for seed in range(given.seeds):
            trials = [t for t in trials if (t["shape"], t["rows"], t["seed"]) != (name, given.rows, seed)]
            trials.append(one_trial(name, given, seed))
            given.out.write_text(json.dumps({"trials": trials}, indent=1) + "\n", "utf-8")
    Console(width=200).print(table(trials))


if __name__ == "__main__":
    main()
