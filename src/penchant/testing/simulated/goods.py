"""The goods of a simulated shop: what they are, what they are like, and when they arrive."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.testing.simulated.settings import SimulatedSettings
from penchant.testing.simulated.words import TRAITS, category, noun

OWN = len(TRAITS)
"""Dimensions of an item's own part."""
QUALITY = 0.35
"""Standard deviation, on the log scale, of what makes an item liked by all who have its interest."""
ARRIVING = (0.2, 0.9)
"""Share of the time between which new items arrive."""
TEXT_OWN = 0.6
"""Length of the own part in a text, where the interest has length 1."""
TEXT_NOISE = 0.4
"""Length of what a text says that has nothing to do with taste."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Goods:
    """N items in order of arrival, as rows of an append-only id table would be.

    Attributes:
        interests: (N,) int64, the interest that each item belongs to.
        own: (N, 8) float32, standard normal: what tells an item from others of its interest. The first
            column is its price level.
        quality: (N,) float32, liked by all, on the log scale.
        arrivals: (N,) float64 unix seconds; the shop's beginning for those that were always there.
        prices: (N,) float32 in the shop's currency.
        text_vectors: (N, T) float32 of unit length: a linear view of interest and own part, with noise.
        titles, categories: words for them.
    """

    interests: NDArray[np.int64]
    own: Floats
    quality: Floats
    arrivals: NDArray[np.float64]
    prices: Floats
    text_vectors: Floats
    titles: list[str]
    categories: list[str]


def stream(seed: int, name: str) -> np.random.Generator:
    """Randomness for one purpose: what is drawn for another purpose changes nothing here.

    >>> bool(stream(0, "a").random() == stream(0, "a").random() != stream(0, "b").random())
    True
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def make_goods(settings: SimulatedSettings) -> Goods:
    """The goods of a shop.

    >>> goods = make_goods(SimulatedSettings(items=200))
    >>> goods.text_vectors.shape, goods.titles[0], goods.categories[0]
    ((200, 64), 'Large dark rough shampoo', 'Beauty > Hair')
    """
    rng = stream(settings.seed, "goods")
    new = round(settings.new_items * settings.items)
    interests = np.concatenate([_dealt(rng, settings.items - new, settings), _dealt(rng, new, settings)])
    own = rng.standard_normal((settings.items, OWN)).astype(np.float32)
    kinds = interests.tolist()
    return Goods(
        interests=interests,
        own=own,
        quality=(QUALITY * rng.standard_normal(settings.items)).astype(np.float32),
        arrivals=_arrivals(rng, new, settings),
        prices=_prices(rng, interests, own[:, 0]),
        text_vectors=_texts(rng, interests, own, settings.text_dim),
        titles=[_title(row, traits, kind) for row, (traits, kind) in enumerate(zip(own, kinds, strict=True))],
        categories=[category(kind) for kind in kinds],
    )


def _dealt(rng: np.random.Generator, items: int, settings: SimulatedSettings) -> NDArray[np.int64]:
    """Interests of equally many items each, in any order."""
    return rng.permutation(np.arange(items, dtype=np.int64) % settings.interests)


def _arrivals(rng: np.random.Generator, new: int, settings: SimulatedSettings) -> NDArray[np.float64]:
    late = np.sort(rng.uniform(*ARRIVING, new))
    return settings.start + settings.seconds * np.concatenate([np.zeros(settings.items - new), late])


def _prices(rng: np.random.Generator, interests: NDArray[np.int64], level: Floats) -> Floats:
    """Each interest has its usual price, from 5 to 60; items cost more or less than that."""
    usual = rng.uniform(np.log(5.0), np.log(60.0), interests.max() + 1)
    return np.round(np.exp(usual[interests] + 0.5 * level), 2).astype(np.float32)


def _texts(rng: np.random.Generator, interests: NDArray[np.int64], own: Floats, dim: int) -> Floats:
    scale = 1 / np.sqrt(dim)
    about = rng.standard_normal((interests.max() + 1, dim))[interests]
    about += TEXT_OWN / np.sqrt(OWN) * own @ rng.standard_normal((OWN, dim))
    about += TEXT_NOISE * rng.standard_normal((len(own), dim))
    about *= scale
    return (about / np.linalg.norm(about, axis=1, keepdims=True)).astype(np.float32)


def _title(row: int, own: Floats, interest: int) -> str:
    """The three traits that stand out, the strongest first, and what it is."""
    strongest = np.argsort(-np.abs(own))[:3].tolist()
    words = [TRAITS[trait][int(own[trait] > 0)] for trait in strongest]
    return " ".join([*words, noun(interest, row)]).capitalize()
