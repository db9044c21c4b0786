"""The command ``penchant``: arguments in, one verb run, errors as one line."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from penchant import verbs
from penchant.errors import PenchantError

Verb = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, 1 for an error of ours, 130 for Ctrl-C."""
    parsed = parser().parse_args(arguments)
    verb: Verb = parsed.verb
    try:
        verb(parsed)
    except PenchantError as error:
        print(f"penchant: {error}", file=sys.stderr)
        return 130 if error.code == "interrupted" else 1
    except OSError as error:
        print(f"penchant: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("penchant: stopped; what was done so far is kept, run it again to go on", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """All verbs with their arguments."""
    top = argparse.ArgumentParser(
        prog="penchant", description="Follows what every shopper of an online shop likes."
    )
    adder = top.add_subparsers(required=True, metavar="VERB")

    def add(name: str, verb: Verb, about: str) -> argparse.ArgumentParser:
        made = adder.add_parser(name, help=about, description=about)
        made.add_argument("--shop", type=Path, default=Path("shop"), metavar="DIR", help="folder of the shop")
        made.add_argument("--json", action="store_true", help="print one JSON value")
        made.add_argument("--json-file", type=Path, metavar="F", help="write the JSON value to F")
        made.set_defaults(verb=verb)
        return made

    _shop_verbs(add)
    _people_verbs(add)
    _model_verbs(add)
    return top


def _shop_verbs(add: Callable[[str, Verb, str], argparse.ArgumentParser]) -> None:
    init = add("init", verbs.init, "make a new shop")
    init.add_argument("--name", default="")
    init.add_argument("--currency", default="")
    take = add("import", verbs.take, "take in events and items from CSV, Parquet or JSON lines")
    take.add_argument("files", nargs="*", type=Path, metavar="FILE")
    take.add_argument("--repaired", nargs="?", const=Path(), type=Path, metavar="FILE",
                      help="replay the dead letters, as repaired in FILE or as they are")  # fmt: skip
    add("doctor", verbs.doctor, "what the shop holds, what was refused, and why")
    add("export-events", verbs.export_events, "all events as JSON lines, in log order")
    add("export-dead-letters", verbs.export_letters, "refused records as JSON lines, to repair them")
    keys = add("keys", verbs.keys, "API keys: create, list, revoke")
    keys.add_argument("action", choices=["create", "list", "revoke"])
    keys.add_argument("id", nargs="?", default="")
    keys.add_argument("--scope", choices=["events", "read", "admin"], action="append", default=[])
    serve = add("serve", verbs.serve, "answer over HTTP, with the console")
    serve.add_argument("--port", type=port, default=8000)
    demo = add("demo", verbs.demo, "a year of a grocery: import, train, evaluate, serve")
    demo.add_argument("--port", type=port, default=8000)
    demo.add_argument("--once", action="store_true", help="stop after the table")


def _people_verbs(add: Callable[[str, Verb, str], argparse.ArgumentParser]) -> None:
    for name, verb, about in (
        ("recommend", verbs.recommend, "a list for a person"),
        ("taste", verbs.taste, "what a person likes"),
        ("export-user", verbs.export_user, "all that is held on a person"),
        ("erase-user", verbs.erase_user, "remove all that is held on a person"),
    ):
        made = add(name, verb, about)
        made.add_argument("user", metavar="USER")
        if name == "recommend":
            made.add_argument("--n", type=int, default=10)
        if name == "erase-user":
            made.add_argument("--yes", action="store_true", help="yes, for good")


def _model_verbs(add: Callable[[str, Verb, str], argparse.ArgumentParser]) -> None:
    add("train", verbs.train, "train a model on the whole log and let it serve")
    evaluate = add("evaluate", verbs.evaluate, "compare models on the shop's own timeline")
    evaluate.add_argument(
        "--protocol", choices=["leave-one-out", "time-split", "prequential"], default="time-split"
    )
    snapshots = add("snapshots", verbs.snapshots, "trained models: list, promote, rollback")
    snapshots.add_argument("action", choices=["list", "promote", "rollback"])
    snapshots.add_argument("name", nargs="?", default="")


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
