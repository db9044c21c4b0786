"""How fast are the best items found among many, and what does a smaller item table cost?

    python bench/retrieval.py            # 12,101 items of Beauty; 30,000 to 1,000,000 made up

Trains a model on Beauty for so many seconds, and keeps its vectors in ``--cache`` for the next time. Three
tables, and bench/results/retrieval.json:

* ``models``: NDCG@10 on the validation part with item vectors as they are, in 16 and in 8 bits a number, not
  scored again in full; and of a model of half the width, trained as long (not distilled).
* ``retrieval``: for each number of items and each form, the time of the 100 best of nine tenths of the items,
  scored again in full, as a server finds them (median of people, one core; ``processor`` is without the time
  that other processes had the core); the share of the true 100 that
  were found; the share of lists that were proven by the form itself; bytes; and what building, moving and
  adding a thousand rows take. ``floor`` is the time of reading the bytes of the form once, in the same turns.
* ``crossover``: the least of these numbers of items from which on a form is faster than scoring all.

Made-up items lie between two real neighbours, with a third of the spread of all items as noise, their levels
likewise: ``drawn``. ``normal`` ones (``--normal``) have independent normal numbers: the worst case for an
index.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from data import load, text_vectors
from penchant.adapters.faiss_lists import InvertedLists
from penchant.adapters.numba_scan import float16_rows, int8_rows
from penchant.evaluate.model import Preference
from penchant.evaluate.ranked import rank_questions
from penchant.evaluate.recommender import ItemTable, Training
from penchant.evaluate.run import Plan, make_splits
from penchant.metrics import relevance_metrics, tie_order
from penchant.model.examples import moments
from penchant.model.scoring import PreferenceModel, answer
from penchant.model.settings import ModelSettings
from penchant.model.trend import TrendTable
from penchant.recommend.candidates import top_k
from penchant.recommend.retrieval.follow import Question, Retrieval
from penchant.recommend.retrieval.packed import PackedRows
from penchant.testing.planted import Faded, PlantedModel

RESULT = Path(__file__).parent / "results" / "retrieval.json"
FORMS = {"int8": int8_rows, "float16": float16_rows, "approximate": InvertedLists}
PARTS = ("vectors", "levels", "people")
LIST, PEOPLE, TURNS, SOME = 100, 200, 40, 1_000


class Leveled(PlantedModel):
    """Planted, with levels of its items."""

    def __init__(self, vectors, levels):
        super().__init__(vectors)
        self.levels = levels

    def biases(self, now):
        del now
        return self.levels


class Packed:
    """A trained model whose items are scored by what is left of their vectors."""

    def __init__(self, model, kind):
        for name in ("net", "settings", "whitening", "vocabulary", "counts"):
            setattr(self, name, getattr(model, name))
        items = model.item_scores()
        vectors = items.vectors
        if kind != "float32":
            packed = PackedRows(vectors, kind)
            vectors = packed.rows(np.arange(len(vectors)))
        self.items = replace(items, vectors=vectors)

    def item_scores(self):
        return self.items


class Asking:
    """As :class:`~penchant.evaluate.model.Preference` asks, of a packed model."""

    name = "packed"

    def __init__(self, packed, trend):
        self.packed, self.trend = packed, trend

    def score_blocks(self, histories, contexts, block):
        return PreferenceModel.score_blocks(self.packed, histories, contexts, block, trend=self.trend)


def spent(work):
    start = time.perf_counter()
    done = work()
    return done, time.perf_counter() - start


def trained(options, dim):
    """The model, its split, and the trend that its questions know."""
    data = load(options.data)
    texts = text_vectors(data.texts, options.cache / options.data)
    items = ItemTable(len(data.texts), texts, prices=data.prices)
    (split,) = make_splits(data.histories, Plan(options.protocol, on="validation"))
    settings = ModelSettings(dim=dim, time_budget_s=options.train_seconds, threads=1)
    model = Preference(settings)
    model.fit(Training(split.train, items, split.target, split.full, split.validation))
    return model, split


def ndcg(asking, split, count):
    ranked = rank_questions(asking, split, 10, tie_order(count))
    asked = split.questions
    found = relevance_metrics(ranked.ranks, asked.owner, len(asked), (10,))
    return float(np.mean(found["ndcg@10"]))


def compressed(options, model, split):
    """NDCG@10 of each form of the table, and of half the width."""
    made, n = {}, model._model.n_items
    for kind in ("float32", "float16", "int8"):
        value = ndcg(Asking(Packed(model._model, kind), model._trend), split, n)
        size = n * model._settings.dim * {"float32": 4, "float16": 2, "int8": 1}[kind]
        made[kind] = {"ndcg@10": value, "bytes of item vectors": size}
    half, _ = trained(options, model._settings.dim // 2)
    made["half the width, float32"] = {
        "ndcg@10": ndcg(half, split, n),
        "bytes of item vectors": n * model._settings.dim * 2,
    }
    return made


def behaviour(model, split):
    """Vectors (N, D), levels (N,), and behaviour (P, D) of some people as scores weigh it."""
    inner, asked = model._model, split.questions.contexts
    trend = model._trend or TrendTable.of(split.full)
    some = asked.take(np.random.default_rng(0).permutation(len(asked.people))[:PEOPLE])
    order = np.lexsort((some.ends, some.people))
    some = some.take(order)
    answers = answer(inner.net, split.full, moments(some.people, some.ends, some.times), trend)
    items = inner.item_scores()
    h = np.float32(items.personal) * answers.h
    return np.ascontiguousarray(items.vectors), items.bias.astype(np.float32), h


def drawn(vectors, levels, n, rng):
    """Items between real neighbours."""
    squares = (vectors**2).sum(1)
    near = np.argpartition(squares - 2 * vectors @ vectors.T, 9, axis=1)[:, :9]
    one = rng.integers(len(vectors), size=n)
    other, share = near[one, rng.integers(9, size=n)], rng.random(n, dtype=np.float32)
    made = vectors[one] + share[:, None] * (vectors[other] - vectors[one])
    made += rng.standard_normal(made.shape, dtype=np.float32) * (vectors.std(0) / 3)
    level = levels[one] + share * (levels[other] - levels[one])
    return made, (level + rng.standard_normal(n, dtype=np.float32) * levels.std() / 3).astype(np.float32)


def in_full(model, h, allowed):
    scores = model.vectors() @ h
    scores += model.levels
    return top_k(scores, allowed, LIST)


def reading(table):
    """Read all bytes once."""
    return table.reshape(-1).view(np.uint64).sum()


def retrieval(vectors, levels, people, names):
    """Forms by ``names`` on one table."""
    rng = np.random.default_rng(1)
    allowed, model = rng.random(len(vectors)) < 0.9, Leveled(vectors, levels)
    asked = [Question(Faded(h, 0.0), 0.0, None, None) for h in people]
    true = [in_full(model, h, allowed) for h in people]
    found = {"float32": {"bytes": vectors.nbytes, "recall": 1.0, "proven": 1.0}}
    finders, works = {}, {"float32": lambda n: in_full(model, people[n], allowed)}
    works["floor float32"] = lambda _: reading(vectors)
    for name in names:
        make, forms = FORMS[name], []
        finder = Retrieval(lambda _, make=make, forms=forms: _kept(make, forms), run=lambda work: work())
        _, seconds = spent(lambda finder=finder: finder.best(model, (0, ""), asked[0], allowed, LIST))
        lists = [finder.best(model, (0, ""), one, allowed, LIST) for one in asked]
        same = [
            len(np.intersect1d(t, f[0])) / LIST for t, f in zip(true, lists, strict=True) if f is not None
        ]
        found[name] = {
            "bytes": forms[0].nbytes,
            "build s": round(seconds, 2),
            "recall": round(float(np.mean(same)), 5) if same else None,
            "proven": round(len(same) / len(lists), 4) if name != "approximate" else None,
        }
        finders[name] = finder, forms[0]
        works[name] = lambda n, finder=finder: finder.best(model, (0, ""), asked[n], allowed, LIST)
        if name != "approximate":
            data = forms[0]._packed.data[: -(-len(vectors) // 256)]
            works[f"floor {name}"] = lambda _, data=data: reading(data)
    times, used = {name: [] for name in works}, {name: [] for name in works}
    for turn in range(TURNS):
        for name, work in works.items():
            before = time.thread_time()
            times[name].append(1e3 * spent(lambda work=work, turn=turn: work(turn % len(people)))[1])
            used[name].append(1e3 * (time.thread_time() - before))
    for name, one in found.items():
        one["ms"], one["ms, best fifth"] = (
            round(float(np.median(times[name])), 3),
            round(float(np.quantile(times[name], 0.2)), 3),
        )
        one["processor ms"] = round(float(np.median(used[name])), 3)
        if f"floor {name}" in times:
            floor = times[f"floor {name}"]
            one["floor ms"] = round(float(np.median(floor)), 3)
            one["to floor"] = round(one["ms"] / one["floor ms"], 2)
            one["to floor, best fifth"] = round(one["ms, best fifth"] / float(np.quantile(floor, 0.2)), 2)
    for name, (_, form) in finders.items():
        found[name] |= changes(form, vectors, levels)
    return found


def _kept(make, forms):
    def made(vectors, levels):
        forms.append(make(vectors, levels))
        return forms[-1]

    return made


def changes(form, vectors, levels):
    """Milliseconds of a thousand rows that move, and of a thousand new ones."""
    rows = np.arange(0, len(vectors), max(1, len(vectors) // SOME))[:SOME]
    _, moving = spent(lambda: form.move(rows, vectors[rows] * np.float32(0.99), levels[rows]))
    new = np.arange(len(vectors), len(vectors) + SOME)
    _, adding = spent(lambda: form.move(new, vectors[:SOME], levels[:SOME]))
    return {"move 1,000, ms": round(1e3 * moving, 1), "add 1,000, ms": round(1e3 * adding, 1)}


def crossover(tables, name):
    """The least of the numbers of items from which on ``name`` is faster; None where it never is."""
    sizes = sorted(
        (int(key.split()[0].replace(",", "")), key)
        for key in tables
        if "normal" not in key and name in tables[key]
    )
    slower = [n for n, key in sizes if tables[key][name]["ms"] >= tables[key]["float32"]["ms"]]
    faster = [n for n, _ in sizes if not slower or n > max(slower)]
    return min(faster, default=None)


def shown(console, title, found):
    table = Table(title=title)
    names = list(dict.fromkeys(name for one in found.values() for name in one))
    for name in ("", *names):
        table.add_column(name, justify="right")
    for form, one in found.items():
        table.add_row(form, *(f"{one[name]:,}" if one.get(name) is not None else "–" for name in names))
    console.print(table)


def tables(real, sizes, *, normal):
    """Names and tables of items, each made when it is its turn."""
    rng = np.random.default_rng(0)
    yield f"{len(real[0]):,} real", real
    for n in sizes:
        yield f"{n:,} drawn", drawn(*real, n, rng)
    if normal:
        n = max(sizes)
        vectors = rng.standard_normal((n, real[0].shape[1]), dtype=np.float32)
        yield f"{n:,} normal", (vectors, np.zeros(n, np.float32))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="beauty")
    parser.add_argument("--protocol", default="leave-one-out")
    parser.add_argument("--train-seconds", type=float, default=90.0)
    parser.add_argument("--sizes", type=int, nargs="*", default=[30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--forms", nargs="*", default=list(FORMS), help="other forms keep their figures")
    parser.add_argument("--no-real", action="store_true", help="the real items keep their figures")
    parser.add_argument("--normal", action="store_true", help="as many independent numbers too")
    parser.add_argument("--models", action="store_true", help="train again, though vectors are kept")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=200)
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    kept = options.cache / f"retrieval-{options.data}.npz"
    if options.models or not kept.exists():
        model, split = trained(options, 64)
        np.savez(kept, **dict(zip(PARTS, behaviour(model, split), strict=True)))
        result["models"] = {"data": options.data, **compressed(options, model, split)}
        shown(console, "models", {name: one for name, one in result["models"].items() if name != "data"})
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    with np.load(kept, allow_pickle=False) as file:
        vectors, levels, people = (file[name] for name in PARTS)
    result.setdefault("retrieval", {})
    for name, table in tables((vectors, levels), options.sizes, normal=options.normal):
        if options.no_real and name.endswith("real"):
            continue
        found = retrieval(*table, people, options.forms)
        shown(console, name, found)
        result["retrieval"][name] = result["retrieval"].get(name, {}) | found
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    result["crossover"] = {name: crossover(result["retrieval"], name) for name in FORMS}
    console.print(result["crossover"])
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
