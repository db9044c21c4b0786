"""The verbs of the command: each opens the shop, does one thing, and says what came of it."""

import argparse
import sys

import msgspec
from rich.console import Group

from penchant.app import work
from penchant.app.bars import training_bar
from penchant.app.output import note, plain, progress, say
from penchant.app.quality import quality
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.showing import shown_items
from penchant.demo import prepare
from penchant.errors import InvalidInput
from penchant.evaluate.run import Plan
from penchant.evaluate.tables import terminal_report
from penchant.events.quality_page import quality_table, render_html
from penchant.events.repair import export_letters as lines_of_letters
from penchant.serve.app import create_app
from penchant.serve.run import run

Arguments = argparse.Namespace


def init(arguments: Arguments) -> None:
    """Make a new shop."""
    init_shop(arguments.shop, name=arguments.name, currency=arguments.currency)
    say(arguments, {"shop": str(arguments.shop)}, lambda: f"made a shop in {arguments.shop}")


def take(arguments: Arguments) -> None:
    """Import files, or replay the dead letters."""
    if not arguments.files and arguments.repaired is None:
        raise InvalidInput("nothing to import: name a file, or --repaired")
    with Shop(arguments.shop, writer=True) as shop, progress() as told:
        taken = work.take_in(shop, arguments.files, told, arguments.repaired)
    reports = msgspec.to_builtins(taken)
    say(arguments, reports, lambda: "\n\n".join(plain(report) for report in reports))


def doctor(arguments: Arguments) -> None:
    """Print the data-quality report and keep it as a page."""
    with Shop(arguments.shop, writer=False) as shop:
        found = quality(shop)
        page = shop.folder / "reports" / "quality.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(render_html(found, f"Data quality of {shop.settings.name}"), encoding="utf-8")
    notes = [f"! {warning}" for warning in found.warnings]
    say(arguments, found, lambda: Group(quality_table(found), "", *notes, "", f"as a page: {page}"))


def export_events(arguments: Arguments) -> None:
    """All events as JSON lines."""
    with Shop(arguments.shop, writer=False) as shop:
        place = 0
        while entries := shop.log.follow(place, 10_000):
            for entry in entries:
                sys.stdout.buffer.write(msgspec.json.encode(entry.event) + b"\n")
            place = entries[-1].position
        sys.stdout.flush()


def export_letters(arguments: Arguments) -> None:
    """Dead letters as JSON lines."""
    with Shop(arguments.shop, writer=False) as shop:
        for line in lines_of_letters(shop.dead_letters):
            sys.stdout.buffer.write(line.rstrip(b"\n") + b"\n")
        sys.stdout.flush()


def keys(arguments: Arguments) -> None:
    """Create, list or revoke API keys."""
    with Shop(arguments.shop, writer=False) as shop:
        if arguments.action == "create":
            made = shop.keys.create(arguments.scope, shop.clock())
            say(arguments, {"key": made}, lambda: f"{made}\nKeep it: it is not shown again.")
        elif arguments.action == "revoke":
            shop.keys.revoke(arguments.id, shop.clock())
            say(arguments, {"revoked": arguments.id}, lambda: f"revoked {arguments.id}")
        else:
            listed = [
                {"id": k.id, "scopes": sorted(k.scopes), "created": k.created, "revoked": k.revoked}
                for k in shop.keys.listed()
            ]
            say(arguments, listed, lambda: "\n".join(plain(row) for row in listed) or "no keys yet")


def train(arguments: Arguments) -> None:
    """Train on the whole log and promote."""
    with Shop(arguments.shop, writer=False) as shop, progress() as told:
        given = work.material(shop, told)
        model = work.train_model(shop, given, training_bar(told))
        manifest = work.keep_model(shop, model, given, {})
        name = shop.shelf.current()
    found = {"snapshot": name, **msgspec.to_builtins(manifest)}
    say(arguments, found, lambda: f"trained {name}: it serves from now on")


def evaluate(arguments: Arguments) -> None:
    """Compare models; the shop's snapshots are not touched."""
    with Shop(arguments.shop, writer=False) as shop, progress() as told:
        given = work.material(shop, told)
        found = work.compare(shop, given, Plan(protocol=arguments.protocol), told)
    say(arguments, msgspec.json.decode(found.json()), lambda: terminal_report(found))


def snapshots(arguments: Arguments) -> None:
    """List, promote or roll back."""
    with Shop(arguments.shop, writer=False) as shop:
        if arguments.action == "promote":
            if not arguments.name:
                raise InvalidInput("say which snapshot: `penchant snapshots list` shows them")
            shop.shelf.promote(arguments.name, shop.clock())
        elif arguments.action == "rollback":
            shop.shelf.rollback(shop.clock())
        history = shop.shelf.history()
        serving = history[-1].name if history else ""
        listed = [
            {"name": name, "serving": name == serving, "broken": manifest is None}
            | ({"metrics": manifest.metrics, "log_position": manifest.log_position} if manifest else {})
            for name, manifest in shop.shelf.manifests().items()
        ]
    say(arguments, listed, lambda: "\n\n".join(plain(row) for row in listed) or "no snapshots yet")


def recommend(arguments: Arguments) -> None:
    """A list for one person."""
    if not 1 <= arguments.n <= 200:
        raise InvalidInput(f"--n is from 1 to 200, not {arguments.n}")
    with _serving(arguments) as serving:
        shown = serving.recommend(arguments.user, arguments.n, "command-line", None, ())
        rows = shown_items(serving.shop.catalog, shown.items)
    lines = [f"{place:3}  {row['title']}  ({row['reason']})" for place, row in enumerate(rows, start=1)]
    say(arguments, shown, lambda: "\n".join(lines))


def taste(arguments: Arguments) -> None:
    """The taste profile of one person."""
    with _serving(arguments) as serving:
        found = serving.taste(arguments.user)
    say(arguments, found)


def export_user(arguments: Arguments) -> None:
    """All that is held on a person, always as JSON."""
    with Shop(arguments.shop, writer=False) as shop:
        found = shop.rights().export(shop.pseudonymizer.pseudonym(arguments.user))
    say(arguments, found)


def erase_user(arguments: Arguments) -> None:
    """Remove all that is held on a person."""
    if not arguments.yes:
        raise InvalidInput("this cannot be undone: say --yes to erase")
    with Shop(arguments.shop, writer=True) as shop:
        erased = shop.rights().erase(shop.pseudonymizer.pseudonym(arguments.user), shop.clock())
    say(arguments, erased, lambda: plain(erased.removed))


def serve(arguments: Arguments) -> None:
    """Answer over HTTP until a signal."""
    serving = Serving(Shop(arguments.shop, writer=True))
    address = f"http://{serving.settings.serve.host}:{arguments.port}"

    def ready() -> None:
        note(f"serving {serving.settings.name} at {address}/v1")
        note(f"console (this link signs in once): {address}/console?token={serving.console_token}")

    app = create_app(serving, serving.shop.clock)
    run(app, serving.settings.serve.host, arguments.port, ready, serving.close)


def demo(arguments: Arguments) -> None:
    """A year of a grocery, from its files to the console."""
    prepare(arguments)
    if not arguments.once:
        serve(arguments)


class _serving:  # noqa: N801  (reads as a verb)
    """A shop that answers, closed at the end."""

    def __init__(self, arguments: Arguments) -> None:
        self._serving = Serving(Shop(arguments.shop, writer=True))

    def __enter__(self) -> Serving:
        return self._serving

    def __exit__(self, *_: object) -> None:
        self._serving.close()
