"""Default learners of econml, causalml and scikit-uplift on one trial; runs in a virtual environment of its
own.

    python bench/peers/uplift.py TRIAL.npz OUT.json --learners a,b

TRIAL.npz holds ``x`` (n, p; no NaN), ``treated``, ``outcome``, ``fold``. OUT.json gets the uplift of each
row by each learner, learned from the other folds, and seconds of the processor.
"""

import argparse
import json
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")


def causal_forest(x, t, y):
    from econml.dml import CausalForestDML

    made = CausalForestDML(discrete_treatment=True, random_state=0).fit(y, t, X=x)
    return made.effect


def linear_dml(x, t, y):
    from econml.dml import LinearDML

    return LinearDML(discrete_treatment=True, random_state=0).fit(y, t, X=x).effect


def dr_learner(x, t, y):
    from econml.dr import DRLearner

    return DRLearner(random_state=0).fit(y, t, X=x).effect


def linear_dr(x, t, y):
    from econml.dr import LinearDRLearner

    return LinearDRLearner(random_state=0).fit(y, t, X=x).effect


def forest_dr(x, t, y):
    from econml.dr import ForestDRLearner

    return ForestDRLearner(random_state=0).fit(y, t, X=x).effect


def econml_meta(name):
    def fit(x, t, y):
        from econml import metalearners
        from sklearn.ensemble import GradientBoostingRegressor

        keys = {"TLearner": "models", "SLearner": "overall_model", "XLearner": "models"}
        made = getattr(metalearners, name)(**{keys[name]: GradientBoostingRegressor(random_state=0)})
        return made.fit(y, t, X=x).effect

    return fit


def causalml_meta(name):
    def fit(x, t, y):
        from causalml.inference import meta
        from xgboost import XGBRegressor

        made = getattr(meta, name)(learner=XGBRegressor(random_state=0, n_jobs=1), control_name=0)
        extra = (
            {"p": np.full(len(t), t.mean())}
            if name in ("BaseXRegressor", "BaseRRegressor", "BaseDRRegressor")
            else {}
        )
        made.fit(X=x, treatment=t, y=y, **extra)
        return lambda new: made.predict(new, **({"p": np.full(len(new), t.mean())} if extra else {})).ravel()

    return fit


def uplift_forest(x, t, y):
    from causalml.inference.tree import UpliftRandomForestClassifier

    made = UpliftRandomForestClassifier(control_name="0", random_state=0, n_jobs=1)
    made.fit(x, t.astype(str), y.astype(int))
    return lambda new: np.asarray(made.predict(new)).ravel()


def linear_s(x, t, y):
    from causalml.inference.meta import LRSRegressor

    made = LRSRegressor(control_name=0)
    made.fit(x, t, y)
    return lambda new: made.predict(new).ravel()


def sklift_model(kind):
    def fit(x, t, y):
        from lightgbm import LGBMClassifier
        from sklift import models

        base = [LGBMClassifier(random_state=0, n_jobs=1, verbose=-1) for _ in range(2)]
        made = {
            "solo": lambda: models.SoloModel(base[0]),
            "class": lambda: models.ClassTransformation(base[0]),
            "two": lambda: models.TwoModels(*base),
        }[kind]()
        made.fit(x, y.astype(int), t)
        return made.predict

    return fit


LEARNERS = {
    "econml CausalForestDML": causal_forest,
    "econml LinearDML": linear_dml,
    "econml DRLearner": dr_learner,
    "econml LinearDRLearner": linear_dr,
    "econml ForestDRLearner": forest_dr,
    "econml TLearner": econml_meta("TLearner"),
    "econml SLearner": econml_meta("SLearner"),
    "econml XLearner": econml_meta("XLearner"),
    "causalml BaseSRegressor": causalml_meta("BaseSRegressor"),
    "causalml BaseTRegressor": causalml_meta("BaseTRegressor"),
    "causalml BaseXRegressor": causalml_meta("BaseXRegressor"),
    "causalml BaseRRegressor": causalml_meta("BaseRRegressor"),
    "causalml BaseDRRegressor": causalml_meta("BaseDRRegressor"),
    "causalml UpliftRandomForest": uplift_forest,
    "sklift SoloModel": sklift_model("solo"),
    "sklift ClassTransformation": sklift_model("class"),
    "sklift TwoModels": sklift_model("two"),
}
BINARY = ("causalml UpliftRandomForest", "sklift ")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("trial")
    asked.add_argument("out")
    asked.add_argument("--learners", default="")
    given = asked.parse_args()
    trial = np.load(given.trial)
    x, t, y, fold = trial["x"], trial["treated"].astype(int), trial["outcome"], trial["fold"]
    binary = bool(np.isin(y, (0, 1)).all())
    chosen = [name for name in LEARNERS if not given.learners or name in given.learners.split(",")]
    found = {}
    for name in chosen:
        if not binary and name.startswith(BINARY):
            continue
        uplift, start = np.zeros(len(y)), time.process_time()
        try:
            for f in np.unique(fold):
                keep = fold != f
                uplift[~keep] = np.asarray(LEARNERS[name](x[keep], t[keep], y[keep])(x[~keep])).ravel()
        except Exception as error:  # A peer that fails on a trial is told, and the others go on.
            found[name] = {"error": f"{type(error).__name__}: {str(error)[:200]}"}
            continue
        found[name] = {"uplift": uplift.tolist(), "seconds": time.process_time() - start}
    names = ("econml", "causalml", "scikit-uplift", "lightgbm", "xgboost", "scikit-learn")
    versions = {name: version(name) for name in names}
    Path(given.out).write_text(json.dumps({"learners": found, "versions": versions}), "utf-8")


if __name__ == "__main__":
    main()
