"""Search: what it finds, and how long it takes: ``python bench/search.py --shop FOLDER``.

**Quality**: known-item search on the shop's own catalogue (a copy of a shop whose texts have vectors). A
query is made of the title of an item drawn by chance, which is what should be found: the title without one
word and with one typing mistake; and three of its words with one mistake. A mistake is a letter that is
left out, doubled, another one, or two that changed places, in a word of four letters or more. Ranked by
words alone, by meaning alone, and by the sum at several weights. Weights are compared on one half of the
queries; what is reported for the chosen one is of the other half.

**Latency**: a catalogue of so many items, whose titles are halves of two real titles and a code, whose
vectors are real ones mixed with noise, in a shop of its own. Vectors of queries are at hand, as for words
that somebody searched for before; what a language model takes for new ones is measured apart. Processor
time, as others may use the machine, and the median by the clock beside it.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from rich.console import Console
from rich.table import Table

from penchant.app.retrieval import by_texts
from penchant.app.shop import Shop, init_shop
from penchant.recommend.lexicon import Lexicon
from penchant.recommend.meaning import Meaning
from penchant.recommend.search import WORDS, Search
from penchant.types import Item

RESULT = Path(__file__).parent / "results" / "search.json"
WEIGHTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path, required=True, help="folder of a shop whose texts have vectors")
    parser.add_argument("--queries", type=int, default=600)
    parser.add_argument("--items", type=int, default=100_000, help="0 for no latency")
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    with tempfile.TemporaryDirectory() as room:
        copy = shutil.copytree(options.shop, Path(room) / "shop", ignore=shutil.ignore_patterns("*.lock"))
        with Shop(copy, writer=True) as shop:
            found["quality"] = quality(shop, options.queries)
            RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            if options.items:
                key = f"latency at {options.items:,} items"
                found[key] = latency(shop, Path(room) / "large", options.items, options.times)
    RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    show(found)


def quality(shop, count):
    rng, view = np.random.default_rng(0), shop.catalog.view()
    table, lexicon = shop.catalog.text_table(), Lexicon()
    lexicon.follow(view)
    titled = [row for row, title in enumerate(view.titles) if len(title.split()) >= 4]
    found = {"items": len(view), "queries": count, "weight": WORDS}
    for kind, made in (("a word less, a mistake", missing_word), ("three words, a mistake", three_words)):
        targets = rng.choice(titled, count, replace=False).tolist()
        queries = [made(view.titles[row], rng) for row in targets]
        ranks = {}
        for row, query, asked in zip(targets, queries, shop.encoder.encode(queries), strict=True):
            words, meaning = lexicon.match(query, len(view)), (table.vectors @ asked)[table.slot]
            for name, scores in rankings(words, meaning).items():
                ranks.setdefault(name, []).append(rank_of(scores, row))
        found[kind] = {"example": queries[0], "of": view.titles[targets[0]], "found": told(ranks, count)}
    return found


def rankings(words, meaning):
    sums = {f"both, {weight:g}": meaning + np.float32(weight) * words for weight in WEIGHTS}
    return {"words": words, "meaning": meaning, **sums}


def told(ranks, count):
    """Every way on the half that weights are compared on; words, meaning and the chosen sum on the other."""
    half, kept = count // 2, ("words", "meaning", f"both, {WORDS:g}")
    return {
        "compared": {name: figures(values[:half]) for name, values in ranks.items()},
        "reported": {name: figures(ranks[name][half:]) for name in kept},
    }


def figures(ranks):
    ranks = np.array(ranks)
    return {
        "mrr": float((1 / ranks).mean()),
        "recall@1": float((ranks < 2).mean()),
        "recall@10": float((ranks <= 10).mean()),
    }


def rank_of(scores, row):
    """The place of a row, in the middle of those that score as much."""
    return 1 + float((scores > scores[row]).sum()) + 0.5 * float((scores == scores[row]).sum() - 1)


def missing_word(title, rng):
    words = title.split()
    del words[rng.integers(len(words))]
    return " ".join(mistaken(words, rng))


def three_words(title, rng):
    words = title.split()
    chosen = sorted(rng.choice(len(words), 3, replace=False).tolist())
    return " ".join(mistaken([words[at] for at in chosen], rng))


def mistaken(words, rng):
    """One mistake in one of the longer words."""
    long = [at for at, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if not long:
        return words
    at = long[rng.integers(len(long))]
    return [*words[:at], typed_wrong(words[at], rng), *words[at + 1 :]]


def typed_wrong(word, rng):
    at, letter = int(rng.integers(len(word) - 1)), LETTERS[rng.integers(26)]
    return (
        word[:at] + word[at + 1 :],
        word[: at + 1] + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    )[rng.integers(4)]


class Drawn:
    """An encoder of made-up texts: a real vector with noise for each, the same for the same text."""

    name = "drawn@1"

    def __init__(self, real):
        self._real = real
        self.dim = real.shape[1]

    def encode(self, texts):
        made = np.array([self._one(text) for text in texts], np.float32).reshape(-1, self.dim)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def _one(self, text):
        rng = np.random.default_rng(abs(hash_of(text)))
        mixed = self._real[rng.integers(len(self._real))] + self._real[rng.integers(len(self._real))]
        return mixed + rng.standard_normal(self.dim, np.float32) * 0.3 / np.sqrt(self.dim)


def hash_of(text):
    return int.from_bytes(text.encode()[:64], "little") % (2**61 - 1)


def latency(small, folder, items, times):
    rng = np.random.default_rng(1)
    real = [title for title in small.catalog.view().titles if len(title.split()) >= 4]
    encoder = Drawn(small.catalog.text_table().vectors[1:])
    init_shop(folder)
    with Shop(folder, writer=True, encoder=encoder) as shop:
        titles = [drawn_title(real, rng, number) for number in range(items)]
        shop.catalog.upsert(
            [
                Item(item_id=f"x{number}", title=title, brand=title.split()[0])
                for number, title in enumerate(titles)
            ],
            embed=False,
        )
        shop.catalog.text_table()
        return timed(shop, titles, times, rng) | {"a new text, ms": new_text(small, real, rng)}


def drawn_title(real, rng, number):
    one, other = (real[rng.integers(len(real))].split() for _ in range(2))
    return " ".join([*one[: len(one) // 2], *other[len(other) // 2 :], f"z{number}"])


def timed(shop, titles, times, rng):
    search = Search(shop.catalog, lambda _: None, meaning=Meaning(by_texts, lambda work: work()))
    shop.catalog.view()
    memory = resident()
    index, _ = spent(lambda: search._words("first", shop.catalog.view()))
    found = {"index, seconds": index / 1e3, "index, MiB": resident() - memory}
    nearest, _ = spent(lambda: search.search("first", 10, 0.0))
    found["nearest texts, seconds"] = nearest / 1e3
    kinds = {
        "three words": lambda title: " ".join(title.split()[:3]),
        "three words, a mistake": lambda title: three_words(title, rng),
        "a title": lambda title: title,
        "a beginning of three letters": lambda title: title[:3],
        "32 words": lambda title: " ".join([title, *titles[: 32 // len(title.split())]]),
    }
    for kind, made in kinds.items():
        queries = [made(titles[rng.integers(len(titles))]) for _ in range(times)]
        shop.catalog.queries.of(queries)
        found[kind] = parts_of(shop, search, queries)
    found["after a change, ms"] = after_a_change(shop, search, titles, rng)
    return found


def parts_of(shop, search, queries):
    view = shop.catalog.view()
    words = [spent(lambda query=query: search._words(query, view)) for query in queries]
    whole = [spent(lambda query=query: search.search(query, 10, 0.0)) for query in queries]
    return {"words": times_of(words), "whole": times_of(whole)}


def times_of(values):
    processor, clock = np.array(values).T
    p50, p99 = np.percentile(processor, [50, 99]).tolist()
    return {"processor ms, p50": p50, "processor ms, p99": p99, "clock ms, p50": float(np.median(clock))}


def after_a_change(shop, search, titles, rng):
    """The first search after an item changed."""
    values = []
    shop.catalog.queries.of(["changed"])
    for number in range(10):
        title = f"changed {titles[rng.integers(len(titles))]}"
        shop.catalog.upsert([Item(item_id=f"x{number}", title=title)])
        values.append(spent(lambda: search.search("changed", 10, 0.0))[0])
    return float(np.median(values))


def new_text(shop, real, rng):
    shop.encoder.encode(["first"])
    texts = [three_words(real[number], rng) for number in range(30)]
    return float(np.median([spent(lambda text=text: shop.encoder.encode([text]))[0] for text in texts]))


def spent(work):
    """Milliseconds of the processor, and of the clock."""
    processor, clock = process_time(), perf_counter()
    work()
    return 1e3 * (process_time() - processor), 1e3 * (perf_counter() - clock)


def resident():
    """MiB of memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


def show(found):
    console = Console(width=110)
    table = Table("query", "ranked by", "MRR", "recall@1", "recall@10", title="Known items")
    for kind, one in found["quality"].items():
        if isinstance(one, dict):
            for part in ("compared", "reported"):
                for name, values in one["found"][part].items():
                    table.add_row(kind, f"{name} ({part})", *(f"{value:.3f}" for value in values.values()))
    console.print(table)
    for name, one in found.items():
        if name.startswith("latency"):
            table = Table("query", "words", "whole", title=f"{name}: processor ms p50 (p99), clock p50")
            for kind, values in one.items():
                table.add_row(
                    kind,
                    *(cell(v) for v in values.values()) if isinstance(values, dict) else [f"{values:.1f}"],
                )
            console.print(table)


def cell(values):
    p50, p99, clock = values.values()
    return f"{p50:.2f} ({p99:.2f}), {clock:.2f}"


if __name__ == "__main__":
    main()
