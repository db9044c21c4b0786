"""The demo, from its files to the console."""

import argparse

from penchant.demo import prepare
from penchant.serve.run import bound
from penchant.settings import Settings, read_settings
from penchant.verbs.serve import serve


def demo(arguments: argparse.Namespace) -> None:
    """A year of a grocery, from its files to the console."""
    if not arguments.once:
        # A port in use is told before a quarter of an hour of work. Given back: callers would wait as long.
        bound(_host(arguments), arguments.port).close()
    prepare(arguments)
    if not arguments.once:
        serve(arguments)


def _host(arguments: argparse.Namespace) -> str:
    path = arguments.shop / "shop.toml"
    settings = read_settings(path) if path.exists() else Settings()
    return settings.serve.host
