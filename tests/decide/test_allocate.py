"""Allocation: the best one, within every limit, and what it may still lack is told."""

from itertools import product

import numpy as np
import pytest

from penchant.adapters.highs_programs import HighsPrograms
from penchant.decide.campaigns import allocate as allocation
from penchant.decide.campaigns.allocate import Offers, allocate
from penchant.errors import InvalidInput

SOLVER = HighsPrograms()


def offers(people, count, seed, contacts=1):
    rng = np.random.default_rng(seed)
    value = rng.gamma(1.0, 1.0, (people, count)) - 0.5
    cost = np.broadcast_to(rng.uniform(0.2, 2.0, count), (people, count))
    stock = np.where(rng.random(count) < 0.7, np.round(people / count / 2), np.inf)
    return Offers(value, cost, stock, np.full(people, contacts), 0.25 * people)


def within(given, of):
    return (
        (given.sum(axis=1) <= of.contacts).all()
        and (given.sum(axis=0) <= of.stock).all()
        and of.cost[given].sum() <= of.budget + 1e-6
    )


@pytest.mark.parametrize("seed", range(8))
def test_few_people_come_close_to_the_best_of_all_allocations(seed):
    of = offers(6, 2, seed)
    best = 0.0
    for choice in product([0, 1, 2], repeat=6):
        given = np.zeros((6, 3), bool)
        given[np.arange(6), choice] = True
        if within(given[:, 1:], of):
            best = max(best, float(of.value[given[:, 1:]].sum()))
    found = allocate(of, SOLVER)
    assert within(found.given, of)
    assert found.bound >= best - 1e-9
    # With six people one between two choices is a lot; of many it is nothing.
    assert found.value >= 0.7 * best


@pytest.mark.parametrize(("seed", "contacts"), [(0, 1), (1, 2), (2, 3)])
def test_prices_of_some_lead_to_the_optimum_of_all(seed, contacts, monkeypatch):
    of = offers(1500, 5, seed, contacts)
    monkeypatch.setattr(allocation, "SAMPLE", 300)
    monkeypatch.setattr(allocation, "UNCLEAR", 400)
    found = allocate(of, SOLVER)
    assert within(found.given, of)
    shares, _ = allocation._linear(of, of.value > 0, SOLVER)
    optimum = float((shares * of.value).sum())
    assert found.value <= optimum + 1e-6 <= found.bound + 2e-6
    assert found.value >= 0.995 * optimum
    assert (of.value[found.given] > 0).all()


def test_whoever_would_be_put_off_gets_nothing_though_money_is_left():
    of = Offers(np.array([[1.0], [-1.0]]), np.ones((2, 1)), np.array([np.inf]), np.array([1, 1]), 10.0)
    assert allocate(of, SOLVER).given.tolist() == [[True], [False]]


def test_nothing_is_given_without_money_stock_or_contacts():
    of = offers(50, 3, 0)
    for changed in (
        Offers(of.value, of.cost, of.stock, of.contacts, 0.0),
        Offers(of.value, of.cost, np.zeros(3), of.contacts, of.budget),
        Offers(of.value, of.cost, of.stock, np.zeros(50, np.int64), of.budget),
        Offers(-np.abs(of.value), of.cost, of.stock, of.contacts, of.budget),
    ):
        assert not allocate(changed, SOLVER).given.any()


def test_limits_that_make_no_sense_are_refused():
    of = offers(5, 2, 0)
    with pytest.raises(InvalidInput, match="cannot be negative"):
        allocate(Offers(of.value, of.cost, of.stock, of.contacts, -1.0), SOLVER)
    with pytest.raises(InvalidInput, match="finite value"):
        allocate(Offers(of.value * np.nan, of.cost, of.stock, of.contacts, 1.0), SOLVER)
