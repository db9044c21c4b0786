"""What is tried for each peer, in this order, until its processor time is used up.

The first setting is what its authors or this project's trials suggest. Nothing of a test part is looked at:
the choice is by NDCG@10 on validation questions.
"""

from collections.abc import Iterable
from itertools import product

GRADIENT = ("sasrec", "sasrec-text", "esasrec")
"""Peers that are trained step by step and stop by validation."""
DRAWING = ("sasrec", "sasrec-text", "esasrec", "als")
"""Peers that draw random numbers; the others give the same lists for every seed."""
PEERS = ("sasrec", "sasrec-text", "esasrec", "als", "implicit-item-knn", "vstan")
BUDGET = 20.0
"""Processor minutes for the tuning of one peer on one data set."""
LAST = 20.0
"""Processor minutes of the last training, with the settings that were chosen: as many as our own models get;
mostly it stops by itself."""
FULL_SOFTMAX = 15_000
"""Items up to which RecTools' full softmax fits; above it 128 negatives for each place are drawn."""


def grid(peer: str, *, n_items: int, several_types: bool, baskets: bool, text: bool) -> list[dict]:
    """Settings of one peer on one data set, the likeliest first.

    Args:
        peer: one of :data:`PEERS`.
        n_items: of the catalogue.
        several_types: views and carts are there: also tried without them.
        baskets: several items are taken at once: sessions may be baskets.
        text: items have text.

    >>> grid("als", n_items=10, several_types=False, baskets=False, text=False)[0]
    {'last': 1000, 'factors': 64, 'confidence': 10.0}
    """
    if peer in GRADIENT:
        return _transformers(peer, n_items, several_types, text)
    if peer == "als":
        made = _all(last=(1_000, 10), factors=(64, 128), confidence=(10.0, 40.0, 1.0))
    elif peer == "implicit-item-knn":
        made = _all(kind=("cosine", "tfidf", "bm25"), last=(1_000, 10, 3), neighbours=(100, 20))
    else:
        by = ("person", "basket") if baskets else ("person",)
        made = _all(by=by, own=(3.0, 1.0, 10.0), near=(3.0, 10.0), age=(0.0, 90.0))
    if several_types:
        made.append(made[0] | {"only_target": True})
    return made


def _transformers(peer: str, n_items: int, several_types: bool, text: bool) -> list[dict]:
    base: dict = {"length": 50}
    if peer == "esasrec":
        base |= {"net": "ligr", "loss": "sampled_softmax", "negatives": 256}
    if n_items > FULL_SOFTMAX:
        base |= {"loss": "sampled_softmax", "negatives": 128}
    if peer == "sasrec-text":
        if not text:
            return []
        base |= {"text": True}
    tried = [base | {"dropout": drop} for drop in (0.5, 0.2)]
    if several_types:
        tried.insert(1, tried[0] | {"only_target": True})
    return [setting | {"minutes": BUDGET / len(tried)} for setting in tried]


def _all(**values: Iterable) -> list[dict]:
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
