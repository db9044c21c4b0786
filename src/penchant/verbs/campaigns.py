"""Campaigns: what an offer did in a trial, and who should get which within a budget."""

import argparse
import os

from penchant.adapters.highs_programs import HighsPrograms
from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.app.output import note, say, waiting, who_asks
from penchant.app.proposing import Proposing, propose_campaign
from penchant.decide.campaigns import plan, words
from penchant.decide.campaigns.fit import Asked, fit_trial
from penchant.decide.tables import read_table

Arguments = argparse.Namespace


def fit(arguments: Arguments) -> None:
    """Effects of a trial in a file; no shop is needed."""
    trees = LightGbmRegression(arguments.threads or os.cpu_count() or 1)
    asked = Asked(
        treatment=arguments.treatment,
        outcome=arguments.outcome,
        control=arguments.control,
        success=arguments.success,
        leave_out=tuple(arguments.leave_out),
        seed=arguments.seed,
    )
    found = fit_trial(read_table(arguments.file), asked, trees)
    say(arguments, found, lambda: words.words(found))


def allocate(arguments: Arguments) -> None:
    """Who gets which offer; a shop is needed only to propose it there."""
    wanted = plan.Wanted(
        budget=arguments.budget,
        contacts=arguments.contacts,
        holdout=arguments.holdout,
        seed=arguments.seed,
    )
    found = plan.plan(arguments.file, arguments.offers, wanted, HighsPrograms())
    if arguments.propose:
        asked = Proposing(arguments.shop, who_asks(arguments), (arguments.file, arguments.offers))
        name, people = arguments.name or arguments.offers.stem, arguments.people or arguments.file
        note(waiting(propose_campaign(asked, found, wanted, name, people)))
    say(arguments, found, lambda: plan.words(found))
