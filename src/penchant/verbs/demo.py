"""The demo, from its files to the console."""

import argparse

from penchant.demo import prepare
from penchant.verbs.serve import serve


def demo(arguments: argparse.Namespace) -> None:
    """A year of a grocery, from its files to the console."""
    prepare(arguments)
    if not arguments.once:
        serve(arguments)
