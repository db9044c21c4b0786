"""Campaigns: what an offer did in a trial, and who should get which within a budget."""

import argparse
import os

from penchant.adapters.highs_programs import HighsPrograms
from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.app.campaigns import reports_of
from penchant.app.output import iso, note, say, waiting, who_asks
from penchant.app.proposing import Proposing, propose_campaign
from penchant.app.shop import Shop
from penchant.decide.campaigns import plan, words
from penchant.decide.campaigns.fit import Asked, fit_trial
from penchant.decide.campaigns.report import CampaignReport
from penchant.decide.tables import read_table
from penchant.errors import MissingExtra

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


def report(arguments: Arguments) -> None:
    """What became of a shop's campaigns, by its log."""
    trees: LightGbmRegression | None = None
    try:
        trees = LightGbmRegression(arguments.threads or os.cpu_count() or 1)
    except MissingExtra as error:
        note(f"penchant: counts alone: {error}")
    with Shop(arguments.shop, writer=False) as shop:
        found = reports_of(shop, trees)
    say(arguments, found, lambda: report_words(found))


def report_words(found: list[CampaignReport]) -> str:
    """Every campaign in a few lines.

    >>> report_words([])
    'no offers yet: `penchant import --table offers FILE`, then `--table exposures FILE`'
    """
    if not found:
        return "no offers yet: `penchant import --table offers FILE`, then `--table exposures FILE`"
    return "\n\n".join("\n".join(_report_lines(one)) for one in found)


def _report_lines(one: CampaignReport) -> list[str]:
    share = f" ({one.redeemed / one.exposed:.1%})" if one.exposed else ""
    lines = [
        f"{one.campaign_id}: {iso(one.starts)[:10]} to {iso(one.ends)[:10]}, {one.offers:,} offers on "
        f"{one.items:,} items",
        f"  told: {one.exposed:,} people; redeemed: {one.redeemed:,}{share}, by {one.purchases:,} purchases: "
        f"{one.bought:,} bought something that it covers, {one.named:,} named an offer",
    ]
    if one.held_out:
        lines.append(
            f"  left out by lot: {one.held_out:,}, of whom {one.held_out_bought:,} bought something that it "
            "covers"
        )
    return lines + [f"  {line}" for line in one.said]
