"""Prices: what they do to demand, and which to suggest. Nothing is changed before people approve."""

import argparse
import os

import msgspec

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.app.output import note, say, waiting, who_asks
from penchant.app.proposing import Proposing, propose_prices
from penchant.decide.prices import fit as fitting
from penchant.decide.prices import suggest as suggesting
from penchant.decide.prices import trial as testing
from penchant.decide.prices.panel import Names, read_panel
from penchant.decide.tables import read_table
from penchant.errors import InvalidInput

Arguments = argparse.Namespace


def fit(arguments: Arguments) -> None:
    """Elasticities from a table of sales; no shop is needed."""
    names = Names(
        item=arguments.item,
        period=arguments.period,
        price=arguments.price,
        quantity=arguments.quantity,
        group=arguments.group,
    )
    trees = LightGbmRegression(arguments.threads or os.cpu_count() or 1)
    found = fitting.fit_prices(read_panel(arguments.file, names), trees, arguments.seed)
    say(arguments, found, lambda: fitting.words(found))


def suggest(arguments: Arguments) -> None:
    """Prices from the JSON of :func:`fit`."""
    limits = _limits(arguments)
    found = suggesting.suggestions(_fitted(arguments), limits, _bounds(arguments))
    if arguments.propose:
        asked = Proposing(arguments.shop, who_asks(arguments), (arguments.file, arguments.items))
        note(waiting(propose_prices(asked, found, limits)))
    say(arguments, found, lambda: suggesting.words(found, arguments.goal))


def test(arguments: Arguments) -> None:
    """Prices to try by lot, from the JSON of :func:`fit`."""
    found = testing.price_test(
        _fitted(arguments),
        _limits(arguments),
        _bounds(arguments),
        periods=arguments.periods,
        most=arguments.most,
        seed=arguments.seed,
    )
    say(arguments, found, lambda: testing.words(found))


def _fitted(arguments: Arguments) -> fitting.FittedPrices:
    try:
        return msgspec.json.decode(arguments.file.read_bytes(), type=fitting.FittedPrices)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{arguments.file.name}: not written by `penchant prices fit`: {error}") from error


def _limits(arguments: Arguments) -> suggesting.Limits:
    return suggesting.Limits(
        goal=getattr(arguments, "goal", "revenue"),
        margin=arguments.margin,
        most_change=arguments.most_change,
        step=arguments.step,
        ending=arguments.ending,
        above=arguments.above_competitor,
        rung=arguments.rung,
    )


def _bounds(arguments: Arguments) -> dict[str, suggesting.Bounds]:
    return suggesting.bounds_of(read_table(arguments.items)) if arguments.items else {}
