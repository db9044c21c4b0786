"""The command ``penchant``: arguments in, one verb run, errors as one line."""

import argparse
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from penchant.errors import InvalidInput, PenchantError

_PROTOCOLS = ["leave-one-out", "time-split", "prequential", "successive"]
"""Those of ``evaluate.run``, which would bring torch along for every verb; a test holds them equal."""
_TABLES = ["events", "items", "users", "offers", "exposures", "stock", "follows"]
"""Those of ``events.sources``, which would bring pyarrow along; a test holds them equal."""
_METRICS = ["click-through", "conversion", "revenue"]
"""Those of ``evaluate.ab.report``; a test holds them equal."""
_DECIDING = ["list", "show", "approve", "edit", "reject", "take-back", "send", "outcome"]
"""Actions of ``verbs.decisions``; a test holds them equal."""
_NO_MEMORY = "penchant: there is not enough memory for this; what was done so far is kept"
_STOPPED = "penchant: stopped; what was done so far is kept, run it again to go on"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, its own, 1 for an error of ours, 130 for Ctrl-C."""
    parsed = parser().parse_args(arguments)
    try:
        _check_names(vars(parsed))
        _check_place(parsed.json_file)
        with _leave_at_once():
            verb = _verb(parsed.verb)
        with _heard():
            return verb(parsed) or 0
    except PenchantError as error:
        print(f"penchant: {error}", file=sys.stderr)
        return 130 if error.code == "interrupted" else 1
    except OSError as error:
        print(f"penchant: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print(_NO_MEMORY, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(_STOPPED, file=sys.stderr)
        return 130
    finally:
        if arguments is None:
            # The work is over; what is left is the interpreter's own end, which has nothing to stop.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _verb(name: str) -> Callable[[argparse.Namespace], int | None]:
    """The verb ``module:function``. Libraries take seconds to load, and each verb needs only some of them."""
    module, _, function = name.partition(":")
    return getattr(import_module(f"penchant.verbs.{module}"), function)


def _check_names(given: Mapping[str, object]) -> None:
    """Raises InvalidInput for what no file can be called; only a caller of :func:`main` can say it."""
    for name, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, (str, Path)) and "\0" in str(one):
                raise InvalidInput(f"{name} holds a NUL: {str(one)!r}")


def _check_place(file: Path | None) -> None:
    """Raises InvalidInput where nothing can be written: better now than after an hour of work."""
    if file is None:
        return
    if file.is_dir() or not (file.exists() or file.parent.is_dir()):
        why = "is a folder" if file.is_dir() else "lies in a folder that is not there"
        raise InvalidInput(f"--json-file {file} {why}. Nothing was done.")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise InvalidInput(f"--json-file {file} cannot be written. Nothing was done.")


@contextmanager
def _heard() -> Generator[None]:
    """Within it people are told what the rooms have to say while they work."""
    notes = import_module("penchant.app.output").Notes()
    log = logging.getLogger("penchant")
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(notes)
    try:
        yield
    finally:
        log.removeHandler(notes)
        log.setLevel(level)


@contextmanager
def _leave_at_once() -> Generator[None]:
    """Within it Ctrl-C ends the process on the spot: nothing is open, and half a library cannot be left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(*_: object) -> None:
    print(_STOPPED, file=sys.stderr, flush=True)
    os._exit(130)


def parser() -> argparse.ArgumentParser:
    """All verbs with their arguments."""
    top = argparse.ArgumentParser(
        prog="penchant",
        description="Follows what every shopper of an online shop likes.",
        epilog="Exit codes: 0 done; 1 an error, told in one line; 2 wrong arguments; 3 imported, but records "
        "were refused and wait in the dead letters; 130 stopped.",
    )
    verbs = top.add_subparsers(required=True, metavar="VERB")
    add = _adder(verbs)
    _shop_verbs(add)
    _people_verbs(add)
    _model_verbs(add)
    _experiment_verbs(add)
    about = "who should get which offer: effects of a trial, and offers within a budget"
    _campaign_verbs(_actions(verbs, "campaigns", about))
    _price_verbs(
        _actions(verbs, "prices", "what a price does to demand, and which to suggest; nothing is changed")
    )
    trends = "what rises and fades, and what people look for that this shop does not sell"
    add("trends", "trends:trends", trends)
    _stock_verbs(_actions(verbs, "stock", "what will be sold, and what to order"))
    _decision_verb(add)
    return top


def _adder(verbs: Any) -> "Adder":
    """Adds a verb with what all of them take."""

    def add(name: str, verb: str, about: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=about, description=about)
        made.add_argument("--shop", type=Path, default=Path("shop"), metavar="DIR", help="folder of the shop")
        made.add_argument("--json", action="store_true", help="print one JSON value")
        made.add_argument("--json-file", type=Path, metavar="F", help="write the JSON value to F")
        made.set_defaults(verb=verb)
        return made

    return add


def _actions(verbs: Any, name: str, about: str) -> "Adder":
    """Adds a verb that has verbs of its own."""
    made = verbs.add_parser(name, help=about, description=about)
    return _adder(made.add_subparsers(required=True, metavar="ACTION"))


Adder = Callable[[str, str, str], argparse.ArgumentParser]
"""Takes the verb as people type it, ``module:function`` in ``verbs``, and what it does."""


def _shop_verbs(add: Adder) -> None:
    init = add("init", "shop:init", "make a new shop")
    init.add_argument("--name", default="")
    init.add_argument("--currency", default="")
    take = add("import", "shop:take", "take in tables from CSV, Parquet or JSON lines")
    take.add_argument("files", nargs="*", type=Path, metavar="FILE")
    take.add_argument("--table", choices=_TABLES,
                      help="what FILE holds; events and items are told by their columns")  # fmt: skip
    take.add_argument("--repaired", nargs="?", const=Path(), type=Path, metavar="FILE",
                      help="replay the dead letters, as repaired in FILE or as they are")  # fmt: skip
    add("doctor", "doctor:doctor", "what the shop holds, what was refused, and why")
    add("export-events", "shop:export_events", "all events as JSON lines, in log order")
    add("export-dead-letters", "shop:export_letters", "refused records as JSON lines, to repair them")
    keys = add("keys", "shop:keys", "API keys: create, list, revoke")
    keys.add_argument("action", choices=["create", "list", "revoke"])
    keys.add_argument("id", nargs="?", default="")
    keys.add_argument("--scope", choices=["events", "read", "admin"], action="append", default=[])
    backup = add("backup", "backup:backup", "the whole shop as one file, while it serves")
    backup.add_argument("file", type=Path, metavar="FILE")
    backup.add_argument("--without-key", action="store_true", help="keep secret.key elsewhere")
    restore = add("restore", "backup:restore", "a shop of such a file, in a new folder")
    restore.add_argument("file", type=Path, metavar="FILE")
    restore.add_argument(
        "--until", metavar="TIME", help="without what happened after it, as 2026-11-01T12:00Z"
    )
    rules = add("rules", "rules:rules", "rules of the house: what is pinned, boosted, limited or hidden")
    rules.add_argument("action", choices=["list", "import", "export", "dry-run", "history", "rollback"])
    rules.add_argument("what", nargs="?", default="", metavar="FILE|VERSION")
    rules.add_argument("--by", default="", metavar="NAME", help="who changes them; you, if nothing is said")
    rules.add_argument("--note", default="", metavar="WHY", help="why")
    serve = add("serve", "serve:serve", "answer over HTTP, with the console")
    serve.add_argument("--port", type=port, default=8000)
    serve.add_argument("--no-learn", action="store_true", help="without the process that learns on")
    serve.add_argument("--processes", type=int, help="that answer together, instead of the shop's setting")
    serve.add_argument("--post", default="", help=argparse.SUPPRESS)
    demo = add("demo", "demo:demo", "a year of a grocery: import, train, evaluate, serve")
    demo.add_argument("--port", type=port, default=8000)
    demo.add_argument("--once", action="store_true", help="stop after the table")
    demo.set_defaults(no_learn=False, processes=None, post="")


def _people_verbs(add: Adder) -> None:
    for name, verb, about in (
        ("recommend", "serve:recommend", "a list for a person"),
        ("taste", "serve:taste", "what a person likes"),
        ("export-user", "shop:export_user", "all that is held on a person"),
        ("erase-user", "shop:erase_user", "remove all that is held on a person"),
    ):
        made = add(name, verb, about)
        made.add_argument("user", metavar="USER")
        if name == "recommend":
            made.add_argument("--n", type=int, default=10)
        if name == "erase-user":
            made.add_argument("--yes", action="store_true", help="yes, for good")


def _model_verbs(add: Adder) -> None:
    train = add("train", "model:train", "train a model on the whole log and let it serve")
    about = "train on the unlabelled log first: next, masked, contrastive, joined by +"
    ranker = "then learn from the last weeks how to order candidates of several sources"
    train.add_argument("--ranker", action="store_true", help=ranker)
    train.add_argument("--pretrain", nargs="?", const="next+masked+contrastive", metavar="WHAT", help=about)
    learn = add("learn", "learn:learn", "learn on from what comes in; what is worse does not serve")
    learn.add_argument("--once", action="store_true", help="one pass now, then stop")
    learn.add_argument("--every", type=seconds, metavar="SECONDS", help="instead of the shop's setting")
    learn.add_argument("--from-scratch", action="store_true",
                       help="one training on everything; it serves if the gate accepts it")  # fmt: skip
    learn.add_argument("--beside", type=int, metavar="PID", help=argparse.SUPPRESS)
    distil = add("distil", "model:distil", "a smaller model, taught by the one that serves")
    distil.add_argument("--dim", type=int, default=32, help="width of the smaller model")
    distil.add_argument("--layers", type=int, help="of its encoder; as many as its teacher's by default")
    tune = add("tune", "model:tune", "look for settings of the model that suit this shop")
    tune.add_argument("--minutes", type=minutes, default=60.0, help="how long to look; it may go on later")
    tune.add_argument("--apply", action="store_true", help="write what is found into shop.toml")
    evaluate = add("evaluate", "model:evaluate", "compare models on the shop's own timeline")
    evaluate.add_argument("--protocol", choices=_PROTOCOLS, default="time-split")
    about = "with prequential: ways of learning on to compare, joined by commas, such as online,naive"
    evaluate.add_argument("--arms", metavar="A,B", help=about)
    evaluate.add_argument("--blocks", type=int, default=10, help="of the stream, with --arms")
    evaluate.add_argument("--checkpoints", type=int, default=4, help="how often arms retrain, with --arms")
    snapshots = add("snapshots", "snapshots:snapshots", "trained models: list, promote, rollback")
    snapshots.add_argument("action", choices=["list", "promote", "rollback"])
    snapshots.add_argument("name", nargs="?", default="")


def _experiment_verbs(add: Adder) -> None:
    ab = add("ab", "ab:ab", "does it work? report of the experiment; power; another policy judged by the log")
    ab.add_argument("action", nargs="?", choices=["report", "power", "offpolicy"], default="report")
    ab.add_argument("file", nargs="?", type=Path, metavar="FILE",
                    help="with offpolicy: recommendation_id, position, item_id, probability")  # fmt: skip
    ab.add_argument("--since", metavar="TIME", help="report: lists from then on, as 2026-11-01")
    about = "report: of each person from the first list on; who is not so far yet is left out"
    ab.add_argument("--days", type=days, metavar="N", help=about)
    ab.add_argument("--metric", choices=_METRICS, default="conversion", help="power: what is to be moved")
    ab.add_argument("--baseline", type=float, help="power: mean per person now, instead of the log's")
    ab.add_argument("--effect", type=float, default=0.1, help="power: relative change to be found")
    ab.add_argument(
        "--deviation", type=float, help="power: standard deviation between people, with --baseline"
    )
    ab.add_argument("--power", type=float, default=0.8, help="power: chance to find it")
    ab.add_argument("--level", type=float, default=0.95, help="power: of the interval")
    ab.add_argument("--share", type=float, default=0.5, help="power: of the people in the changed arm")
    ab.add_argument("--clip", type=float, default=math.inf, help="offpolicy: largest weight")


def _campaign_verbs(add: Adder) -> None:
    fit = add("fit", "campaigns:fit", "what an offer did to whom, by the table of a randomised trial")
    fit.add_argument("file", type=Path, metavar="TRIAL", help="CSV, Parquet or JSON lines, a row a person")
    fit.add_argument("--treatment", required=True, metavar="COLUMN", help="who got what")
    fit.add_argument("--outcome", required=True, metavar="COLUMN", help="what came of it")
    fit.add_argument("--control", metavar="VALUE", help="treatment of who got nothing, where it is not clear")
    fit.add_argument("--success", metavar="VALUE", help="outcome that counts as 1, where it is not clear")
    fit.add_argument("--leave-out", action="append", default=[], metavar="COLUMN",
                     help="no feature, as it came after the offer; may be repeated")  # fmt: skip
    _computing(fit)
    give = add("allocate", "campaigns:allocate", "who gets which offer within a budget, stock and contacts")
    give.add_argument("file", type=Path, metavar="UPLIFT",
                      help="JSON of `penchant campaigns fit`, or a table, a column an offer")  # fmt: skip
    give.add_argument("offers", type=Path, metavar="OFFERS", help="table: offer, cost, stock, value")
    give.add_argument("--budget", type=float, required=True, help="for the costs of all offers")
    give.add_argument("--contacts", type=int, default=1, help="offers that a person may get")
    give.add_argument(
        "--holdout", type=float, default=0.1, help="share of the people who get nothing, by lot"
    )
    give.add_argument("--seed", type=int, default=0, help="of who they are")
    report = add("report", "campaigns:report", "who was told of this shop's campaigns, and who redeemed")
    report.add_argument("--threads", type=int, default=0, help="all processors, if nothing is said")
    _proposing(give)
    give.add_argument("--name", default="", help="of the campaign; the name of OFFERS, if nothing is said")
    give.add_argument("--people", type=Path, metavar="TABLE",
                      help="with --propose: user_id of each row; UPLIFT if nothing is said")  # fmt: skip


def _price_verbs(add: Adder) -> None:
    fit = add("fit", "prices:fit", "elasticity of each item, by a table of sales")
    fit.add_argument(
        "file", type=Path, metavar="TABLE", help="CSV, Parquet or JSON lines, a row an item and period"
    )
    for name in ("item", "period", "price", "quantity"):
        fit.add_argument(f"--{name}", default=name, metavar="COLUMN", help=f"{name!r}, if nothing is said")
    about = "that alike items share, 'category' if nothing is said; it may be absent"
    fit.add_argument("--group", default="category", metavar="COLUMN", help=about)
    _computing(fit)
    suggest = add("suggest", "prices:suggest", "a price for each item, by the JSON of `penchant prices fit`")
    suggest.add_argument("--goal", choices=["profit", "revenue"], default="profit")
    _price_limits(suggest, change=0.2)
    _proposing(suggest)
    test = add("test", "prices:test", "prices to try by lot, for items whose own sales do not tell")
    test.add_argument("--periods", type=int, default=8, help="an even number; 8 if nothing is said")
    test.add_argument("--most", type=int, default=20, help="items, the best sold first")
    test.add_argument("--seed", type=int, default=0, help="of the order that is drawn")
    _price_limits(test, change=0.1)


def _price_limits(made: argparse.ArgumentParser, change: float) -> None:
    made.add_argument("file", type=Path, metavar="FITTED")
    about = "table: item, cost of a piece, lowest and highest price, competitor's price, ladder and rung"
    made.add_argument("items", type=Path, nargs="?", metavar="ITEMS", help=about)
    made.add_argument("--margin", type=float, default=0.0, help="least share of a price above its cost")
    about = "of a price, up or down, as a share"
    made.add_argument("--most-change", type=float, default=change, help=about)
    made.add_argument("--step", type=float, default=0.01, help="prices are multiples of it")
    made.add_argument("--ending", type=float, help="what prices end in, such as .99")
    about = "share by which a price may lie above the competitor's; below it if negative"
    made.add_argument("--above-competitor", type=float, default=0.0, help=about)
    made.add_argument(
        "--rung", type=float, default=0.0, help="share by which a ladder's next rung costs more"
    )


def _proposing(made: argparse.ArgumentParser) -> None:
    made.add_argument("--propose", action="store_true", help="put it into the shop's queue, for approval")
    made.add_argument("--by", default="", metavar="NAME", help="who proposes it; you, if nothing is said")


def _decision_verb(add: Adder) -> None:
    decide = add(
        "decisions", "decisions:decisions", "what was suggested, shown and decided; approve it or not"
    )
    decide.add_argument("action", choices=_DECIDING)
    decide.add_argument("ids", nargs="*", metavar="ID")
    decide.add_argument("--kind", default="", help="list: price, order, campaign or list (that was shown)")
    decide.add_argument("--state", default="", help="list: waiting, approved, sent, rejected, ...")
    decide.add_argument("--limit", type=int, default=100, help="list: so many of the newest; 0 for all")
    decide.add_argument("--value", type=float, help="edit: what is suggested instead")
    decide.add_argument("--came", action="append", default=[], metavar="NAME=VALUE",
                        help="outcome: what came of it; may be repeated")  # fmt: skip
    decide.add_argument("--by", default="", metavar="NAME", help="who decides; you, if nothing is said")
    decide.add_argument("--note", default="", metavar="WHY", help="why")


def _computing(made: argparse.ArgumentParser) -> None:
    made.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    made.add_argument("--threads", type=int, default=0, help="all processors, if nothing is said")


def _stock_verbs(add: Adder) -> None:
    fit = add("fit", "stock:fit", "what will be sold, from a table of sales; needs no shop")
    fit.add_argument(
        "file", type=Path, metavar="TABLE", help="CSV, Parquet or JSON lines, a row an item and period"
    )
    for name in ("item", "period", "quantity", "price", "stock", "category"):
        fit.add_argument(
            f"--{name}", default=name, metavar="COLUMN", help=f"that holds it; {name} by default"
        )
    own = add("forecast", "stock:forecast", "what this shop will sell, from its log")
    own.add_argument("--every", choices=["week", "day"], default="week", help="length of a period")
    own.add_argument(
        "--stock", type=Path, metavar="FILE", help="item_id, timestamp, on_hand: empty shelves count"
    )
    order = add("orders", "stock:orders", "what to order and why; a person decides")
    order.add_argument("file", type=Path, metavar="SUPPLY",
                       help="table: item, on_hand; on_order, lead_time, pack_size, shelf_life, cost, price, "
                            "service")  # fmt: skip
    order.add_argument(
        "forecast", type=Path, metavar="FORECAST", help="JSON of `penchant stock fit` or `forecast`"
    )
    order.add_argument(
        "--service", type=float, default=0.95, help="chance of no empty shelf until the next delivery"
    )
    order.add_argument(
        "--lead-time", type=int, default=1, metavar="N", help="periods, where the table has none"
    )
    order.add_argument(
        "--review", type=whole, default=1, metavar="N", help="periods between two chances to order"
    )
    order.add_argument("--order-cost", type=float, default=0.0, help="of one order, whatever its size")
    order.add_argument(
        "--holding", type=float, default=0.005, help="cost of a piece for a period, of its cost"
    )
    order.add_argument("--budget", type=float, help="for all orders; needs the cost of every item")
    order.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    _proposing(order)
    for made in (fit, own):
        made.add_argument("--horizon", type=whole, default=4, metavar="N", help="periods ahead")
        made.add_argument("--seed", type=int, default=0, help="of all that is drawn")


def whole(text: str) -> int:
    """A number of periods, from 1 to 60.

    >>> whole("4")
    4
    """
    if not text.isdigit() or not 0 < int(text) <= 60:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to 60, not {text!r}")
    return int(text)


def minutes(text: str) -> float:
    """A length of time, above 0.

    >>> minutes("1.5")
    1.5
    """
    return _above_zero(text, "minutes")


def seconds(text: str) -> float:
    """Another one.

    >>> seconds("0.5")
    0.5
    """
    return _above_zero(text, "seconds")


def days(text: str) -> float:
    """A longer one.

    >>> days("7")
    7.0
    """
    return _above_zero(text, "days")


def _above_zero(text: str, what: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{what} are a number above 0, not {text!r}")
    return found


def port(text: str) -> int:
    """A TCP port.

    >>> port("8000")
    8000
    """
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
