"""Forecasts of statsforecast for bench/stock.py, in a virtual environment of its own.

`python stock.py FOLDER MODEL...`: reads FOLDER/task.npz, writes FOLDER/of-MODEL.npz. Intervals are the
models' own where they have any, else conformal ones (two windows: items have 13 weeks).
Below 0 they are cut off.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from statsforecast import StatsForecast, models
from statsforecast.utils import ConformalIntervals

INTERVALS = [98, 95, 90, 80, 60, 40, 20]


def main(folder: Path, names: list[str]) -> None:
    with np.load(folder / "task.npz") as file:
        sold, origins = file["sold"], file["origins"].tolist()
        known, horizons = int(file["known"]), int(file["horizons"])
    for name in names:
        path = folder / f"of-{name}.npz"
        if not path.exists():
            found = {str(origin): forecast(sold[:, :origin], name, known, horizons) for origin in origins}
            np.savez(path, **found)
            print(name, flush=True)


def model(name: str, horizons: int):
    conformal = ConformalIntervals(n_windows=2, h=horizons)
    own = {
        "AutoTheta": lambda: models.AutoTheta(season_length=1),
        "AutoETS": lambda: models.AutoETS(season_length=1),
        "HistoricAverage": models.HistoricAverage,
        "TSB": lambda: models.TSB(alpha_d=0.1, alpha_p=0.1, prediction_intervals=conformal),
        "SESOptimized": lambda: models.SimpleExponentialSmoothingOptimized(prediction_intervals=conformal),
        "WindowAverage4": lambda: models.WindowAverage(window_size=4, prediction_intervals=conformal),
        "WindowAverage8": lambda: models.WindowAverage(window_size=8, prediction_intervals=conformal),
    }
    return own[name]() if name in own else getattr(models, name)(prediction_intervals=conformal)


def forecast(sold: np.ndarray, name: str, known: int, horizons: int) -> np.ndarray:
    """(n, horizons, 15) of the items that are known long enough."""
    rows = np.flatnonzero((~np.isnan(sold)).sum(axis=1) >= known)
    item, period = np.nonzero(~np.isnan(sold[rows]))
    frame = pd.DataFrame({"unique_id": item, "ds": period, "y": sold[rows][item, period]})
    run = StatsForecast(
        models=[model(name, horizons)], freq=1, n_jobs=1, fallback_model=models.HistoricAverage()
    )
    found = run.forecast(df=frame, h=horizons, level=INTERVALS).sort_values(["unique_id", "ds"])
    middle = next(c for c in found if c not in ("unique_id", "ds") and "-lo-" not in c and "-hi-" not in c)
    columns = [f"{middle}-lo-{level}" for level in INTERVALS] + [middle]
    columns += [f"{middle}-hi-{level}" for level in reversed(INTERVALS)]
    values = np.nan_to_num(found[columns].to_numpy(float)).reshape(len(rows), horizons, len(columns))
    return np.sort(np.maximum(values, 0.0), axis=-1).astype(np.float32)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), sys.argv[2:])
