"""A search for better settings by ``optuna``, kept in one file of JSON lines."""

import importlib
import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.errors import MissingExtra, StorageError
from penchant.model.space import Range, Space, Value

_INSTALL = "install it with: pip install 'penchant[tune]'"
_RANDOM, _PATIENT = 8, 3
"""Attempts that are drawn before the search learns; the first epoch after which one is given up."""


@dataclass(frozen=True, slots=True)
class Found:
    """An attempt that came to its end: its settings and its validation metric."""

    settings: Mapping[str, Value]
    metric: float


class Attempt:
    """One set of settings that is being tried."""

    def __init__(self, study: Any, trial: Any) -> None:
        self._study, self._trial = study, trial

    @property
    def number(self) -> int:
        """From 0, over all runs of the search."""
        return int(self._trial.number)

    @property
    def settings(self) -> dict[str, Value]:
        """What is tried, numbers to three digits."""
        return _rounded(self._trial.params)

    def report(self, epoch: int, metric: float) -> bool:
        """Tell how good it is after so many epochs; whether to give it up, as it is below the median."""
        self._trial.report(metric, epoch)
        return bool(self._trial.should_prune())

    def finish(self, metric: float) -> None:
        """It is as good as ``metric``."""
        self._study.tell(self._trial, metric)

    def give_up(self) -> None:
        """It will not be among the best."""
        self._study.tell(self._trial, state=_optuna().trial.TrialState.PRUNED)

    def cut_off(self) -> None:
        """It did not come to its end, which says nothing of it."""
        self._study.tell(self._trial, state=_optuna().trial.TrialState.FAIL)


class _Alone:
    """No lock: only one process searches, and a lock file would outlive one that is stopped."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


class OptunaSearch:
    """A search that goes on where it was cut off.

    Tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011) draw the settings; an attempt that is
    below the median of the others after as many epochs is given up (Golovin et al., Vizier, KDD 2017).
    """

    def __init__(self, file: Path, name: str, space: Space, seed: int) -> None:
        """Open or begin the search ``name`` in ``file``, which may hold others; one process at a time.

        Raises:
            MissingExtra: optuna is not installed.
            StorageError: the file cannot be used.
        """
        optuna = _optuna()
        self._space = space
        try:
            journal = importlib.import_module("optuna.storages.journal")
            backend = journal.JournalFileBackend(str(file), lock_obj=_Alone())
            storage = optuna.storages.JournalStorage(backend)
            self._study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=_PATIENT),
            )
        except (OSError, ValueError, KeyError) as error:
            raise StorageError(
                f"the search in {file.name} cannot be read: {error}; remove the file to begin anew"
            ) from error
        trials = self._study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
        for cut_off in trials:
            self._study.tell(cut_off.number, state=optuna.trial.TrialState.FAIL)
        # The number of attempts in the seed: a search that goes on does not draw the same again.
        self._study.sampler = optuna.samplers.TPESampler(
            seed=seed + len(self._study.trials), n_startup_trials=_RANDOM
        )

    def first(self, settings: Mapping[str, Value]) -> None:
        """Try these before others, unless an attempt came to its end before."""
        waiting = self._study.get_trials(states=(_optuna().trial.TrialState.WAITING,))
        if self.best() is None and not waiting:
            held = {name: settings[name] for name, part in self._space.items() if part.holds(settings[name])}
            self._study.enqueue_trial(held)

    def attempt(self) -> Attempt:
        """What to try next."""
        kinds = _optuna().distributions
        return Attempt(
            self._study,
            self._study.ask(
                {
                    name: kinds.FloatDistribution(part.low, part.high, log=part.log)
                    if isinstance(part, Range)
                    else kinds.CategoricalDistribution(part.values)
                    for name, part in self._space.items()
                }
            ),
        )

    def ended(self) -> list[Found]:
        """Attempts that came to their end, in order."""
        done = self._study.get_trials(states=(_optuna().trial.TrialState.COMPLETE,))
        return [Found(_rounded(trial.params), float(trial.value)) for trial in done]

    def best(self) -> Found | None:
        """The best of them; None where there is none yet."""
        return max(self.ended(), key=lambda found: found.metric, default=None)

    def begun(self) -> int:
        """Number of attempts, whatever became of them."""
        waiting = self._study.get_trials(states=(_optuna().trial.TrialState.WAITING,))
        return len(self._study.trials) - len(waiting)

    def given_up(self) -> int:
        """Number of attempts that were given up."""
        return len(self._study.get_trials(states=(_optuna().trial.TrialState.PRUNED,)))


def _rounded(settings: Mapping[str, Value]) -> dict[str, Value]:
    return {name: float(f"{v:.3g}") if isinstance(v, float) else v for name, v in settings.items()}


def _optuna() -> Any:
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtra(f"tuning needs optuna; {_INSTALL}")
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(logging.ERROR)
    return optuna
