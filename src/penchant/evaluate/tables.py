"""An evaluation as tables for the terminal."""

from collections.abc import Iterable

from rich.console import Group as Lines
from rich.table import Table
from rich.text import Text

from penchant.evaluate.result import Estimate, Evaluation, Metrics

NO_VALUE = "–"


def headline(evaluation: Evaluation) -> str:
    """The metric that comes first: ``ndcg@10``, or at the largest cut-off where 10 was not measured."""
    cutoffs = [int(k) for k in str(evaluation.settings["cutoffs"]).split(",")]
    return f"ndcg@{10 if 10 in cutoffs else max(cutoffs)}"


def cutoff(evaluation: Evaluation) -> str:
    """The ``@k`` of the headline."""
    return "@" + headline(evaluation).split("@")[1]


def number(estimate: Estimate | None) -> str:
    """Short: four places below 1, two above.

    >>> number(Estimate(0.12345)), number(Estimate(8.012)), number(None)
    ('0.1235', '8.01', '–')
    """
    if estimate is None or estimate.value is None:
        return NO_VALUE
    return f"{estimate.value:.4f}" if abs(estimate.value) < 1 else f"{estimate.value:.2f}"


def with_interval(estimate: Estimate | None) -> str:
    """With its bounds.

    >>> with_interval(Estimate(0.2, 0.19, 0.21))
    '0.2000 [0.1900, 0.2100]'
    """
    if estimate is None or estimate.low is None or estimate.high is None:
        return number(estimate)
    return f"{number(estimate)} [{number(Estimate(estimate.low))}, {number(Estimate(estimate.high))}]"


def terminal_report(evaluation: Evaluation) -> Lines:
    """What people read after ``penchant evaluate``: quality, segments, what the lists are like.

    Print it with a ``rich.console.Console``.
    """
    return Lines(quality_table(evaluation), "", segment_table(evaluation), "", list_table(evaluation))


def quality_table(evaluation: Evaluation) -> Table:
    """Relevance of each model, the best of each column in bold."""
    at = cutoff(evaluation)
    names = [f"{name}{at}" for name in ("ndcg", "recall", "mrr", "hit")]
    n = evaluation.counts
    table = _table(
        f"{evaluation.dataset}, {evaluation.protocol}: {n['questions']:,} questions "
        f"of {n['people']:,} people, {n['items']:,} items ranked"
    )
    table.add_column(f"{names[0]} [95%]", justify="right")
    for name in names[1:]:
        table.add_column(name, justify="right")
    table.add_column("s", justify="right")
    best = {name: _best(evaluation.models.values(), name) for name in names}
    for model, metrics in evaluation.models.items():
        cells = [_cell(metrics, name, best[name], full=name == names[0]) for name in names]
        spent = evaluation.seconds[model]
        table.add_row(model, *cells, f"{spent.fit + spent.score:,.0f}")
    return table


def segment_table(evaluation: Evaluation) -> Table:
    """The headline metric of each model in each segment."""
    name = headline(evaluation)
    table = _table(f"{name} by segment")
    table.columns[0].header = "segment"
    table.add_column("questions", justify="right")
    for model in evaluation.models:
        table.add_column(model, justify="right")
    for segment, group in evaluation.segments.items():
        best = _best(group.models.values(), name)
        cells = [_cell(metrics, name, best) for metrics in group.models.values()]
        table.add_row(segment, f"{group.n.questions:,}", *cells)
    return table


def list_table(evaluation: Evaluation) -> Table:
    """What the lists are like: relevance where rare items weigh more, coverage, novelty, popular items."""
    at = cutoff(evaluation)
    shown = ("ips-ndcg", "ips-recall", "coverage", "novelty", "popular-1%", "popular-10%")
    names = [f"{name}{at}" for name in shown]
    table = _table("what the lists show")
    for name in names:
        table.add_column(name, justify="right")
    for model, metrics in evaluation.models.items():
        table.add_row(model, *(number(metrics.get(name)) for name in names))
    return table


def _table(title: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="", box=None, pad_edge=False
    )
    table.add_column("model")
    return table


def _best(models: Iterable[Metrics], name: str) -> float | None:
    values = [m[name].value for m in models if name in m]
    known = [value for value in values if value is not None]
    return max(known) if known and max(known) > 0 else None


def _cell(metrics: Metrics, name: str, best: float | None, full: bool = False) -> Text:
    found = metrics.get(name)
    shown = with_interval(found) if full else number(found)
    return Text(
        shown, style="bold green" if found and found.value is not None and found.value == best else ""
    )
