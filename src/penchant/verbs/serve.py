"""Verbs that answer: lists, tastes, a server."""

import argparse
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from threadpoolctl import threadpool_limits

from penchant.app.beside import ChildProcess, learner_command
from penchant.app.crew import Crew, Post, same_command, socket_folder
from penchant.app.delivering import Deliveries
from penchant.app.output import note, say
from penchant.app.reader import calls_of_first, serve_at
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.app.showing import shown_items
from penchant.app.tastes import taste_of
from penchant.errors import InvalidInput
from penchant.serve.app import create_app
from penchant.serve.relay import longest
from penchant.serve.run import bound, run
from penchant.serve.services import ListWanted
from penchant.settings import MOST_PROCESSES

Arguments = argparse.Namespace


def recommend(arguments: Arguments) -> None:
    """A list for one person."""
    if not 1 <= arguments.n <= 200:
        raise InvalidInput(f"--n is from 1 to 200, not {arguments.n}")
    with _serving(arguments) as serving:
        (shown,) = serving.recommend_each([ListWanted(arguments.user, arguments.n, "command-line")])
        rows = shown_items(serving.shop.catalog, shown.items)
    lines = [f"{place:3}  {row['title']}  ({row['reason']})" for place, row in enumerate(rows, start=1)]
    say(arguments, shown, lambda: "\n".join(lines))


def taste(arguments: Arguments) -> None:
    """The taste profile of one person."""
    # It is read from the log: no model, and nothing that keeps a server from running beside it.
    with Shop(arguments.shop, writer=False) as shop:
        found = taste_of(shop, shop.pseudonymizer.pseudonym(arguments.user))
    say(arguments, found)


def serve(arguments: Arguments) -> None:
    """Answer over HTTP until a signal."""
    # Products of one request are small: a second thread takes longer to be woken than it works, and on a
    # busy machine each product waits for it (decision record 13).
    with threadpool_limits(1, user_api="blas"):
        if arguments.post:
            serve_at(Post.read(arguments.post), arguments.shop)
        else:
            _serve_first(arguments)


def _serve_first(arguments: Arguments) -> None:
    with (
        Shop(arguments.shop, writer=True) as shop,
        bound(shop.settings.serve.host, arguments.port) as door,
        _crew(arguments, shop, door.fileno()) as (post, crew),
    ):
        serving = Serving(shop, crew)
        learner = ChildProcess(learner_command(arguments.shop))
        deliveries = Deliveries(serving.decided.due, serving.decided.send)
        serving.learner = lambda: learner.state
        address = f"http://{shop.settings.serve.host}:{arguments.port}"

        def ready() -> None:
            _tell_of_trouble(serving)
            note(f"serving {shop.settings.name} at {address}/v1")
            note(f"console (this link signs in once): {address}/console?token={serving.console_token}")
            crew.start()
            if serving.decided.sends:
                deliveries.start()
            if shop.settings.learn.on and not arguments.no_learn:
                learner.start()

        def close() -> None:
            learner.stop()
            deliveries.stop()
            crew.stop()
            serving.close()

        app = create_app(serving, shop.clock, within=post.within(shop.settings.serve.max_body))
        post.join(app, calls_of_first(serving.engine, crew), crew.stop)
        run(app, door, ready, close)


@contextmanager
def _crew(arguments: Arguments, shop: Shop, door: int) -> Generator[tuple[Post, Crew]]:
    """The post of this process and the others, of which there are none unless they are asked for."""
    processes = shop.settings.serve.processes if arguments.processes is None else arguments.processes
    if not 1 <= processes <= MOST_PROCESSES:
        raise InvalidInput(f"--processes is from 1 to {MOST_PROCESSES}, not {processes}")
    most = longest(shop.settings.serve.max_body)
    command = [*same_command(), "serve", "--shop", str(arguments.shop), "--post"]
    with socket_folder(shop.folder) if processes > 1 else nullcontext(Path()) as folder:
        post = Post(0, processes, door, folder, most)
        yield post, Crew(post, command)


def _tell_of_trouble(serving: Serving) -> None:
    """Why lists are not personal, or what else is wrong: a list of what is popular looks like any other."""
    found = serving.readiness()
    for reason in found["reasons"]:
        note(reason)
    if found["fallback"] and not found["reasons"]:
        note("no model yet: everybody sees what is popular. Run `penchant train`.")


class _serving:  # noqa: N801  (reads as a verb)
    """A shop that answers, closed at the end."""

    def __init__(self, arguments: Arguments) -> None:
        self._serving = Serving(Shop(arguments.shop, writer=True))

    def __enter__(self) -> Serving:
        _tell_of_trouble(self._serving)
        return self._serving

    def __exit__(self, *_: object) -> None:
        self._serving.close()
