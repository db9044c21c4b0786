"""What does variety cost? ``python bench/variety.py --data beauty,online-retail``

Each data set is cut by its usual protocol, and a taste model is trained on the first part or found under
``--cache``, where ``bench/pipeline.py`` keeps them too. Each held-out list of 20 is then put in order with
growing weights of ``[variety]``, by the code that serves. Of the lists of the validation part (default) or of
the test part: NDCG@10 and @20, categories in a list, and the share of the catalogue that is in any list. A
shop without categories is counted by 100 clusters of item vectors (k-means), which the order knows only where
it says so: there they stand for categories.

Writes bench/results/variety.json and docs/variety.svg.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from sklearn.cluster import KMeans

from data import SHARED, load, model_settings
from penchant.app.ranking import questions_of
from penchant.evaluate.run import PARTS, Plan, make_splits
from penchant.metrics import coverage
from penchant.recommend.candidates import top_k
from penchant.recommend.ranking.lessons import moments
from penchant.recommend.variety.rerank import Aims, Pool, reranked
from penchant.recommend.variety.stage import Known, pool_of
from penchant.types import Item
from pipeline import blocks, ratio, trained, view
from quality import USUAL, say
from runs import sampled
from serving_docs import plain, save
from tables import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
PLACES, CANDIDATES, CLUSTERS = 20, 200, 100
DISCOUNT = 1 / np.log2(np.arange(2, PLACES + 2))
FULL = Aims(likeness=0.4, mix=0.4, rare=0.05)
"""The weights that are drawn from nothing to four times as much."""
TIMES = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
ALONE = {
    "likeness alone": FULL._replace(mix=0, rare=0),
    "mix alone": FULL._replace(likeness=0, rare=0),
    "rare alone": FULL._replace(likeness=0, mix=0),
    "much mix": FULL._replace(mix=2.0),
}


def main() -> None:
    options = arguments()
    path = RESULTS / "variety.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in options.data.split(","):
        for kinds in ("category", "cluster") if name == "online-retail" else ("category",):
            title = f"{name}, {options.on}{', clusters as categories' if kinds == 'cluster' else ''}"
            found[title] = measured(name, kinds, options)
            print(title, *table(found[title]), sep="\n")
            RESULTS.mkdir(exist_ok=True)
            path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    picture({name: one for name, one in found.items() if "validation" in name}, DOCS / "variety.svg")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="beauty,online-retail", help="names, with commas between them")
    add("--on", choices=PARTS, default="validation")
    add("--minutes", type=float, default=4.0, help="limit on each training")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    return parser.parse_args()


def measured(name: str, kinds: str, options: argparse.Namespace) -> dict:
    """Figures of one data set by weights, and what the order of one list costs."""
    data = load(name)
    if name == "beauty":  # Its texts are read elsewhere; here the categories are.
        rows = pq.read_table(SHARED / "amazon-beauty/items.parquet", columns=["category"]).to_pylist()
        data = replace(data, items=[Item(item_id="", category=row["category"] or "") for row in rows])
    protocol = USUAL.get(name, "successive")
    split = sampled(make_splits(data.histories, Plan(protocol, on=options.on))[0])
    settings = model_settings([], time_budget_s=60 * options.minutes, threads=1)
    model = trained(data, split, settings, options.cache / name, f"{name}-{protocol}-{options.on}-late")
    scores = model.item_scores()
    shop = view(data)
    codes = shop.category
    if (codes < 0).all():
        unit = scores.vectors / np.maximum(np.linalg.norm(scores.vectors, axis=1, keepdims=True), 1e-9)
        codes = KMeans(CLUSTERS, n_init=1, random_state=0).fit_predict(unit).astype(np.int32)
        if kinds == "cluster":
            shop = replace(shop, category=codes)
    say(f"{name}: candidates of {len(split.questions):,} lists")
    pools = [
        pooled(moment, scores)
        for moment in moments(
            split.full, questions_of(split), blocks(model, data, split), shop, scores.vectors
        )
    ]
    asked = split.questions
    answers = np.split(asked.items, np.searchsorted(asked.owner, np.arange(1, len(asked))))
    base, made = None, {}
    dials = {f"× {times:g}": Aims(*(times * aim for aim in FULL)) for times in TIMES} | ALONE
    for title, aims in dials.items():
        begun = time.process_time()
        lists = [rows[reranked(pool, PLACES, aims)] for rows, pool in pools]
        spent = 1e3 * (time.process_time() - begun) / len(lists)
        gains = np.array([gain(one, right) for one, right in zip(lists, answers, strict=True)])
        base = gains if base is None else base
        made[title] = figures(lists, codes, len(data.texts)) | {
            "aims": aims._asdict(),
            "ndcg@10": ratio(base[:, 0], gains[:, 0], asked.contexts.people),
            "ndcg@20": ratio(base[:, 1], gains[:, 1], asked.contexts.people),
            "ms": round(spent, 3),
        }
    first = made["× 0"]
    return {
        "lists": len(asked),
        "ndcg@10": round(float(base[:, 0].mean()), 5),
        "ndcg@20": round(float(base[:, 1].mean()), 5),
        "ms to make a pool": round(cost_of_pools(pools, scores), 3),
        "weights": {
            title: one | {of: round(one[name] / first[name], 4) for name, of in GROWTH.items()}
            for title, one in made.items()
        },
    }


GROWTH = {"categories": "categories, times", "coverage": "coverage, times"}


def pooled(moment, scores) -> tuple[np.ndarray, Pool]:
    """Rows of the candidates of one list, and what the order is made of."""
    rows = top_k(moment.scores, moment.allowed, CANDIDATES)
    known = Known(moment.record, moment.now, scores.vectors, scores.bias + scores.levels(moment.trend))
    return rows, pool_of(rows, moment.scores[rows], PLACES, known, moment.view)


def cost_of_pools(pools: list, scores) -> float:
    """Processor milliseconds to look up the vectors of one list's candidates, the larger part of its pool."""
    begun = time.process_time()
    for rows, _ in pools:
        vectors = scores.vectors[rows]
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return 1e3 * (time.process_time() - begun) / len(pools)


def gain(rows: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """NDCG@10 and @20."""
    hits = np.isin(rows, right)
    return tuple(
        float(DISCOUNT[: len(hits[:k])][hits[:k]].sum() / DISCOUNT[: min(k, len(right))].sum())
        for k in (10, PLACES)
    )


def figures(lists: list[np.ndarray], codes: np.ndarray, items: int) -> dict[str, float]:
    """What lists show."""
    full = np.stack([np.pad(one, (0, PLACES - len(one)), constant_values=-1) for one in lists])
    found = {"categories": PLACES, "categories in the first 10": 10}
    found = {
        name: round(float(np.mean([len(np.unique(codes[one[:k]])) for one in lists])), 3)
        for name, k in found.items()
    }
    return found | {"coverage": round(coverage(full.astype(np.int32), PLACES, items), 5)}


def table(found: dict) -> list[str]:
    """As Markdown."""
    lines = [
        f"{found['lists']:,} lists, NDCG@10 {found['ndcg@10']:.4f}, NDCG@20 {found['ndcg@20']:.4f}",
        "| weights | NDCG@10 [95%] | NDCG@20 | categories of 20 | catalogue shown | ms |",
        "|---|---|---|---|---|---:|",
    ]
    for title, one in found["weights"].items():
        value, low, high = one["ndcg@10"]
        lines.append(
            f"| {title} | {value:.3f} [{low:.3f}, {high:.3f}] | {one['ndcg@20'][0]:.3f} | "
            f"{one['categories']:.1f} (× {one['categories, times']:.2f}) | "
            f"{one['coverage']:.1%} (× {one['coverage, times']:.2f}) | {one['ms']:.2f} |"
        )
    return lines


def picture(found: dict, path: Path) -> None:
    """Categories and coverage against NDCG@10, a line for each data set."""
    figure = Figure(figsize=(9, 3.6))
    for axes, of in zip(figure.subplots(1, 2), GROWTH.values(), strict=True):
        for name, one in found.items():
            dots = [dot for title, dot in one["weights"].items() if title.startswith("×")]
            axes.plot(
                [dot["ndcg@10"][0] for dot in dots], [dot[of] for dot in dots], "o-", markersize=3, label=name
            )
        axes.axvline(0.98, color="#bbbbbb", linewidth=0.8, zorder=0)
        axes.axhline(1.5, color="#bbbbbb", linewidth=0.8, zorder=0)
        axes.set(xlabel="NDCG@10 to that by score alone", ylabel=of)
        plain(axes)
    axes.legend(frameon=False, fontsize=7)
    figure.tight_layout()
    save(figure, path)


if __name__ == "__main__":
    main()
