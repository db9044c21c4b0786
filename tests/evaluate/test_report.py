"""What people read."""

import re

import msgspec
import pytest
from evaluation_worlds import shop
from rich.console import Console

from penchant.evaluate.baselines import baselines
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.report import html_report
from penchant.evaluate.result import Evaluation
from penchant.evaluate.run import PROTOCOLS, Plan, evaluate
from penchant.evaluate.summary import Sampling
from penchant.evaluate.tables import terminal_report


def found(protocol: str = "time-split", dataset: str = "corner shop") -> Evaluation:
    plan = Plan(protocol, sampling=Sampling(draws=50))
    return evaluate(shop(people=30), ItemTable(30), baselines(), plan, dataset=dataset)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_page_shows_models_and_figures_and_fetches_nothing(protocol: str) -> None:
    evaluation = found(protocol)
    page = html_report(evaluation)
    assert page.count("<svg") >= 3
    for name, metrics in evaluation.models.items():
        assert name in page
        assert f"{metrics['ndcg@10'].value:.4f}" in page
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert all(link.startswith("#") for link in links)
    assert "<script" not in page
    assert "@import" not in page
    assert ("Over time" in page) == (protocol != "leave-one-out")


def test_names_from_outside_are_escaped() -> None:
    page = html_report(found(dataset="<script>alert(1)</script>"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_is_the_same_for_the_same_result() -> None:
    evaluation = msgspec.structs.replace(found(), seconds=found().seconds)
    assert html_report(evaluation) == html_report(evaluation)


def test_the_terminal_shows_interval_segments_and_lists() -> None:
    evaluation = found()
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(terminal_report(evaluation))
    text = capture.get()
    best = evaluation.models["personal-frequency"]["ndcg@10"]
    assert f"{best.value:.4f} [{best.low:.4f}, {best.high:.4f}]" in text
    assert "first-time" in text
    assert "coverage@10" in text


def test_other_cutoffs_have_their_own_headline() -> None:
    plan = Plan(sampling=Sampling(cutoffs=(3,), draws=50))
    evaluation = evaluate(shop(people=20), ItemTable(30), baselines(), plan)
    assert "ndcg@3" in html_report(evaluation)
