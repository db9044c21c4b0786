"""Trials as tables, for the tests of campaigns."""

from penchant.decide.campaigns.features import read_features
from penchant.decide.campaigns.sample import Features, Sample
from penchant.decide.tables import Table, typed
from penchant.testing.trials import Trial


def table_of(trial: Trial, **more) -> Table:
    columns = trial.columns | {"treated": trial.treated.tolist(), "outcome": trial.outcome.tolist()} | more
    return Table("trial.csv", {n: typed(n, v) for n, v in columns.items()}, len(trial.outcome))


def sample_of(trial: Trial) -> Sample:
    read = read_features([typed(name, values) for name, values in trial.columns.items()])
    return Sample(read.features, trial.treated, trial.outcome, float(trial.treated.mean()))


def nobody(sample: Sample) -> Features:
    return Features(sample.features.trees[:0], sample.features.lines[:0])
