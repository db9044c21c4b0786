"""What do smaller forms of a trained model cost, and what do they save?

    python bench/compressed.py --shop /path/to/shop --dim 32 --epochs 10

The model that serves in the shop is the full one; its snapshot says how long it was trained. Beside it two
models of ``--dim`` dimensions are trained on the same log: one ``distilled`` from it, one ``plain``, with the
same steps, seed and baskets kept apart. They are kept in ``--cache`` for the next time. Three tables, and
bench/results/compressed.json:

* ``quality``: NDCG@10 on the baskets that were kept apart from all of them (they tell all of them when to
  stop, and set the dials), and the loss against the full model with a 95% interval over people. ``float16``
  and ``int8`` are scored by what is left of the vectors, not again in full: as served they lose nothing, for
  what they find is scored in full. ``approximate`` is as served, of ``--some`` questions, with the levels of
  all items up to date: between two moments of a log lie years, of a server seconds.
* ``bytes``: of the snapshots, by what they hold.
* ``lists``: ``bench/retrieval.py``'s figures for the full vectors and the distilled ones, at the shop's
  number of items and at ``--items`` drawn ones.

``--models full`` measures the forms of the full model alone; figures of others stay as they are in the file.
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

from penchant.adapters import faiss_lists
from penchant.app.nightly import known_of, load
from penchant.app.shop import Shop
from penchant.app.work import material
from penchant.learn.asking import gain, main_questions
from penchant.learn.distil import student_settings
from penchant.learn.vitals import best
from penchant.metrics import paired_loss
from penchant.model.loading import load_model
from penchant.model.saving import save_snapshot
from penchant.model.scoring import answer, score_blocks
from penchant.model.snapshot import WEIGHTS, read_snapshot
from penchant.model.training import train
from penchant.model.trend import TrendTable
from penchant.model.validation import kept_apart
from penchant.recommend.retrieval.follow import MORE
from penchant.recommend.retrieval.packed import PackedRows
from retrieval import FORMS, drawn, retrieval, shown

RESULT = Path(__file__).parent / "results" / "compressed.json"
LISTED, PEOPLE, NORMAL = 10, 200, 1.96
PARTS = {"input.ids": "item vectors", "encoder.": "encoder", "repeat.": "repeats", "input.": "texts of items"}


def student(options, full, known, *, taught):
    """A smaller model, trained once."""
    name = f"compressed-{options.dim}-{options.layers}-{options.epochs}-{'distilled' if taught else 'plain'}"
    folder = options.cache / name
    if not folder.exists():
        settings = student_settings(full.settings, options.dim, options.layers)
        settings = replace(settings, max_epochs=options.epochs, time_budget_s=None, threads=1)
        begun = time.process_time()
        made = train(
            known.histories, known.text, settings,
            n_items=known.n_items, queries=known.queries, prices=known.prices, attributes=known.attributes,
            teacher=full if taught else None,
        )  # fmt: skip
        spent = {"processor seconds": time.process_time() - begun, "epochs": float(made.report["epochs"])}
        save_snapshot(
            made, folder, id_table_hash="", id_table_length=known.n_items, log_position=0, metrics=spent
        )
    return folder, load_model(folder, known.n_items, known.text, known.prices)


class Asked:
    """A model's answers to the questions, and NDCG@10 by other vectors than its own."""

    def __init__(self, model, known, questions, trend):
        queries = None if known.queries is None else model.whitening(known.queries)
        words = None if known.attributes is None else model.vocabulary.table(known.attributes)
        self.items, self.questions, self.trend = model.item_scores(), questions, trend
        self.answers = answer(model.net, known.histories, questions, trend, queries, words)

    def right(self, row):
        offsets = self.questions.offsets
        return self.questions.items[offsets[row] : offsets[row + 1]]

    def ndcg(self, vectors=None):
        items = self.items if vectors is None else replace(self.items, vectors=vectors)
        found = np.zeros(len(self.questions))
        for part, scores in score_blocks(self.answers, items, self.trend, 256):
            lists = best(scores)
            for row in range(part.start, part.stop):
                found[row] = gain(lists[row - part.start], self.right(row))
        return found

    def ndcg_by_index(self, some):
        """Of the first ``some`` questions: the index finds, and what it found is scored in full."""
        items, form, found = self.items, None, np.zeros(some)
        faiss_lists.MOST_MOVED = len(items.bias)
        everything = np.ones(len(items.bias), bool)
        for part, scores in score_blocks(self.answers, items, self.trend, 256):
            if part.start >= some:
                break
            for place, seen in self.trend.each_moment(self.answers.times[part], len(items.bias)):
                row = part.start + place
                if row >= some:
                    continue
                levels = (items.bias + items.levels(seen)).astype(np.float32)
                form = form or faiss_lists.InvertedLists(np.ascontiguousarray(items.vectors), levels)
                h = np.float32(items.personal) * self.answers.h[row]
                rows = form.best(h, levels, everything, 2 * LISTED + MORE).rows
                rows = np.union1d(rows, self.answers.items[self.answers.of(row)])
                order = np.argsort(-scores[place, rows], kind="stable")[:LISTED]
                found[row] = gain(rows[order], self.right(row))
        return found


def against(full, other, people):
    lost = paired_loss(full[: len(other)], other, people[: len(other)])
    return {
        "ndcg@10": round(lost.second, 5),
        "of the full one": round(lost.first, 5),
        "lost, %": round(100 * lost.value, 2),
        "from": round(100 * (lost.value - NORMAL * lost.error), 2),
        "to": round(100 * (lost.value + NORMAL * lost.error), 2),
        "people": lost.people,
    }


def forms_of(full, before, some):
    """NDCG@10 of what is left of the full vectors, and of what an index finds."""
    people = full.questions.people
    vectors, found = np.ascontiguousarray(full.items.vectors), {"float32": against(before, before, people)}
    for kind in ("float16", "int8"):
        left = PackedRows(vectors, kind).rows(np.arange(len(vectors)))
        found[kind] = against(before, full.ndcg(left), people)
    indexed = full.ndcg_by_index(min(some, len(people)))
    return found | {"approximate, as served": against(before, indexed, people)}


def quality(asked, some, names):
    """NDCG@10 of each model of ``names``, and of its forms."""
    people, before = asked["full"].questions.people, asked["full"].ndcg()
    found, after = forms_of(asked["full"], before, some) if "full" in names else {}, {}
    for name, one in asked.items():
        if name != "full":
            after[name] = one.ndcg()
            found[name] = against(before, after[name], people)
    if "distilled" in asked:
        vectors = np.ascontiguousarray(asked["distilled"].items.vectors)
        left = PackedRows(vectors, "int8").rows(np.arange(len(vectors)))
        found["distilled, int8"] = against(before, asked["distilled"].ndcg(left), people)
    if len(after) == 2:
        found["plain, of the distilled one"] = against(after["distilled"], after["plain"], people)
    return found


def sizes(folder):
    """Bytes of a snapshot by what they are."""
    manifest, arrays = read_snapshot(folder)
    found = {"weights": (folder / WEIGHTS).stat().st_size}
    for name, array in arrays.items():
        part = next((label for start, label in PARTS.items() if name.startswith(start)), "rest")
        found[part] = found.get(part, 0) + array.nbytes
    return found | {name: round(value, 1) for name, value in manifest.metrics.items()}


def lists(model, asked, options, forms):
    """Times at the shop's own number of items, and at more."""
    items = model.item_scores()
    real = np.ascontiguousarray(items.vectors), items.bias.astype(np.float32)
    some = np.random.default_rng(0).permutation(len(asked.answers.h))[:PEOPLE]
    people = np.float32(items.personal) * asked.answers.h[some]
    made = {f"{len(real[0]):,} real": real}
    for n in options.items:
        made[f"{n:,} drawn"] = drawn(*real, n, np.random.default_rng(0))
    return {name: retrieval(*table, people, forms) for name, table in made.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--items", type=int, nargs="*", default=[100_000])
    parser.add_argument("--some", type=int, default=1_000, help="questions asked of the index")
    parser.add_argument("--models", nargs="*", default=["full", "distilled", "plain"])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=200)
    with Shop(options.shop, writer=False) as shop:
        given, name = material(shop, lambda *_: None), shop.shelf.current()
        named = shop.settings.name
        full, folder = load(shop, name, given), shop.shelf.path(name)
    known = known_of(given)
    questions = main_questions(known.histories)
    questions = questions.take(np.flatnonzero(kept_apart(questions, full.apart)))
    models, folders = {"full": full}, {"full": folder}
    for label in options.models:
        if label != "full":
            folders[label], models[label] = student(options, full, known, taught=label == "distilled")
    trend = TrendTable.of(known.histories)
    asked = {label: Asked(model, known, questions, trend) for label, model in models.items()}
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    result |= {"shop": named, "seconds of the full training": full.settings.time_budget_s}
    if len(models) > 1:
        students = {"dim": options.dim, "layers": options.layers, "epochs at most": options.epochs}
        result["students"] = students

    def keep(part, found):
        result[part] = result.get(part, {}) | found
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")

    keep("bytes", {label: sizes(folder) for label, folder in folders.items()})
    keep("quality", quality(asked, options.some, options.models))
    for part in ("bytes", "quality"):
        shown(console, part, result[part])
    for label in options.models:
        if label != "plain":
            forms = list(FORMS) if label == "full" else ["int8"]
            tables = lists(models[label], asked[label], options, forms)
            keep("lists", {f"{label}, {name}": table for name, table in tables.items()})
            for name, table in tables.items():
                shown(console, f"{label}, {name}", table)


if __name__ == "__main__":
    main()
