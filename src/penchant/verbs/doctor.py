"""What the shop holds, with plots."""

import argparse

from rich.console import Group

from penchant.adapters.sqlite.copies import check
from penchant.app.output import say
from penchant.app.quality import quality
from penchant.app.shop import DATABASE, Shop
from penchant.events.quality_page import quality_table, render_html

Arguments = argparse.Namespace


def doctor(arguments: Arguments) -> None:
    """Print the data-quality report and keep it as a page; a damaged database is told in its place."""
    with Shop(arguments.shop, writer=False) as shop:
        check(shop.folder / DATABASE)
        found = quality(shop)
        page = shop.folder / "reports" / "quality.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(render_html(found, f"Data quality of {shop.settings.name}"), encoding="utf-8")
    notes = [f"! {warning}" for warning in found.warnings]
    say(arguments, found, lambda: Group(quality_table(found), "", *notes, "", f"as a page: {page}"))
