"""How often is a trial that was by chance called one that was not? Offers are given by lot, again and again.

    python bench/lots.py                # lots over the rows of examples/trial.csv, and over drawn tables

Of each lot the AUC's distance from one half in its own standard errors: their standard deviation should be 1.
Writes bench/results/lots.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.campaigns.balance import check
from penchant.decide.campaigns.features import Read, read_features
from penchant.decide.tables import read_table, typed

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "bench" / "results" / "lots.json"
DRAWN = {"300 x 3": (300, 3, 0.5), "500 x 30": (500, 30, 0.5), "2,000 x 12, a fifth": (2_000, 12, 0.2)}
"""Rows, columns, and share of the treated."""


def example() -> tuple[Read, np.ndarray]:
    """Columns of the example, and who got the offer there."""
    table = read_table(ROOT / "examples" / "trial.csv")
    columns = [column for name, column in table.columns.items() if name not in ("offer", "bought")]
    return read_features(columns), np.array([name != "nothing" for name in table.columns["offer"].names()])


def drawn(rows: int, columns: int, seed: int) -> Read:
    numbers = np.random.default_rng(seed).normal(size=(columns, rows))
    return read_features([typed(f"c{at}", [f"{v:.4f}" for v in one]) for at, one in enumerate(numbers)])


def judged(lots: list[tuple[Read, np.ndarray]]) -> dict:
    found = [check(read, treated, LightGbmRegression(1)) for read, treated in lots]
    away = np.array([(one.auc - 0.5) / ((one.high - one.low) / (2 * 1.96)) for one in found])
    auc = np.array([one.auc for one in found])
    return {
        "lots": len(lots), "auc_mean": float(auc.mean()), "auc_deviation": float(auc.std()),
        "in_errors_deviation": float(away.std()), "beyond_two": float((away > 2).mean()),
        "called_not_randomised": float(np.mean([one.verdict == "no" for one in found])),
    }  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--lots", type=int, default=120)
    given = asked.parse_args()
    read, treated = example()
    rng, result = np.random.default_rng(0), {}
    result["examples/trial.csv"] = judged([(read, rng.permutation(treated)) for _ in range(given.lots)])
    result["examples/trial.csv"]["as it is"] = check(read, treated, LightGbmRegression(1)).auc
    for name, (rows, columns, share) in DRAWN.items():
        lots = [
            (drawn(rows, columns, seed), np.random.default_rng(seed + 10**6).random(rows) < share)
            for seed in range(given.lots)
        ]
        result[name] = judged(lots)
    text = json.dumps(result, indent=1) + "\n"
    RESULT.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
