"""The command ``penchant``: arguments in, one verb run, errors as one line."""

import argparse
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from penchant.errors import InvalidInput, PenchantError

_PROTOCOLS = ["leave-one-out", "time-split", "prequential", "successive"]
"""Those of ``evaluate.run``, which would bring torch along for every verb; a test holds them equal."""
_TABLES = ["events", "items", "users"]
"""Those of ``events.sources``, which would bring pyarrow along; a test holds them equal."""
_NO_MEMORY = "penchant: there is not enough memory for this; what was done so far is kept"
_STOPPED = "penchant: stopped; what was done so far is kept, run it again to go on"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, its own, 1 for an error of ours, 130 for Ctrl-C."""
    parsed = parser().parse_args(arguments)
    try:
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
    adder = top.add_subparsers(required=True, metavar="VERB")

    def add(name: str, verb: str, about: str) -> argparse.ArgumentParser:
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
    serve = add("serve", "serve:serve", "answer over HTTP, with the console")
    serve.add_argument("--port", type=port, default=8000)
    serve.add_argument("--no-learn", action="store_true", help="without the process that learns on")
    demo = add("demo", "demo:demo", "a year of a grocery: import, train, evaluate, serve")
    demo.add_argument("--port", type=port, default=8000)
    demo.add_argument("--once", action="store_true", help="stop after the table")
    demo.set_defaults(no_learn=False)


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
    train.add_argument("--pretrain", nargs="?", const="next+masked+contrastive", metavar="WHAT", help=about)
    learn = add("learn", "learn:learn", "learn on from what comes in; what is worse does not serve")
    learn.add_argument("--once", action="store_true", help="one pass now, then stop")
    learn.add_argument("--every", type=seconds, metavar="SECONDS", help="instead of the shop's setting")
    learn.add_argument("--from-scratch", action="store_true",
                       help="one training on everything; it serves if the gate accepts it")  # fmt: skip
    learn.add_argument("--beside", type=int, metavar="PID", help=argparse.SUPPRESS)
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
