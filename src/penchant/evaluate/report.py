"""An evaluation as one HTML page with pictures; the page holds everything that it shows."""

from datetime import UTC, datetime

from markupsafe import Markup

from penchant.evaluate.page import page
from penchant.evaluate.plots import cutoff_plot, metric_names, overall_plot, period_plot, segment_plot
from penchant.evaluate.result import Estimate, Evaluation
from penchant.evaluate.tables import cutoff, headline, number

Section = tuple[str, str, Markup]

STORIES = {
    "time-split": "Each {what} after the cut was predicted from everything before it; "
    "models trained on what came before the cut.",
    "prequential": "Each {what} was predicted from everything before it, block by block; "
    "before each block the models were trained anew on everything earlier.",
    "successive": "Each single event after the cut was predicted from everything before it, item by item; "
    "models trained on what came before the cut.",
    "leave-one-out": "Each person's last event was predicted from all earlier ones. "
    "Items that the person had taken before are left out of the ranking.",
}


def html_report(evaluation: Evaluation) -> str:
    """A page for people who did not run the evaluation.

    Names of data sets, models and segments are escaped; nothing is loaded from elsewhere.
    """
    cutoffs = [int(k) for k in str(evaluation.settings["cutoffs"]).split(",")]
    first = next(iter(evaluation.models))
    at = cutoff(evaluation)
    head = headline(evaluation)
    columns = [head, f"recall{at}", f"mrr{at}", f"hit{at}", f"ips-ndcg{at}", f"coverage{at}"]
    return page(
        "report.html",
        e=evaluation,
        name=head,
        first=first,
        story=_story(evaluation),
        verdicts=_verdicts(evaluation),
        plots={"overall": Markup(overall_plot(evaluation))},  # noqa: S704 - drawn here, not from outside
        main_metrics=columns,
        sections=_sections(evaluation),
        by_cutoff=metric_names(evaluation.models[first], sorted(cutoffs, key=lambda k: f"@{k}" != at)),
        facts=_facts(evaluation),
        number=number,
        bounds=_bounds,
    )


def _story(evaluation: Evaluation) -> str:
    n, target = evaluation.counts, str(evaluation.settings["target"])
    what = "basket or single purchase" if target == "purchase" else f"{target} event"
    story = STORIES[evaluation.protocol].format(what=what)
    return (
        f"{story} {n['questions']:,} questions of {n['people']:,} people with {n['relevant']:,} items taken; "
        f"each time all {n['items']:,} items of the catalogue were ranked."
    )


def _verdicts(evaluation: Evaluation) -> list[str]:
    """Plain words for each paired difference; unsure where the interval holds 0."""
    name = headline(evaluation)
    lines: list[str] = []
    for pair, metrics in evaluation.differences.items():
        found, other = metrics[name], pair.split(" - ", 1)[1]
        if found.value is None or found.low is None or found.high is None:
            continue
        word = (
            "better than"
            if found.low > 0
            else "worse than"
            if found.high < 0
            else "not clearly different from"
        )
        lines.append(f"{word} {other}: {found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]")
    return lines


def _sections(evaluation: Evaluation) -> list[Section]:
    kinds = [name for name in evaluation.segments if not name.startswith("history-")]
    lengths = [name for name in evaluation.segments if name.startswith("history-")]
    found: list[tuple[str, str, str]] = []
    if kinds:
        text = (
            "Repeats are items that the person had taken before; new items and people were not in training."
        )
        found.append(("Who and what was asked", text, segment_plot(evaluation, kinds)))
    if len(evaluation.periods) > 1:
        text = "A model that was trained once may age; one that follows the log should not."
        found.append(("Over time", text, period_plot(evaluation)))
    if len(lengths) > 1:
        text = "By the number of the person's events before the question."
        found.append(("Short and long histories", text, segment_plot(evaluation, lengths)))
    if str(evaluation.settings["cutoffs"]).count(","):
        text = "How much of what was taken is found as the list gets longer."
        found.append(("Length of the list", text, cutoff_plot(evaluation)))
    return [(title, text, Markup(plot)) for title, text, plot in found]  # noqa: S704 - drawn here


def _bounds(found: Estimate) -> str:
    return f"{number(Estimate(found.low))} – {number(Estimate(found.high))}"


def _facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    counts = [(key.replace("_", " "), f"{value:,}") for key, value in evaluation.counts.items()]
    settings = [
        (key, _moment(value) if key in ("cut", "end") else str(value))
        for key, value in evaluation.settings.items()
        if value is not None
    ]
    return [("protocol", evaluation.protocol), *settings, *counts]


def _moment(seconds: str | int | float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
