"""Prices that did not arrive are sent again by the server itself."""

import logging
import threading

import pytest

from penchant.app.deciding import DecisionDesk
from penchant.app.delivering import Deliveries
from penchant.app.shop import Shop, init_shop
from penchant.decide.approval import Person
from penchant.decide.sending import Sent
from penchant.errors import Unreachable
from penchant.events.decisions import Decision


class Post:
    """So many letters wait; the first answers are failures."""

    def __init__(self, waiting=1, fails=0, error=None):
        self.waiting, self.fails, self.error, self.asked = waiting, fails, error, 0
        self.done = threading.Event()

    def due(self):
        return self.waiting > 0

    def send(self):
        self.asked += 1
        if self.error is not None:
            raise self.error
        if self.asked <= self.fails:
            return Sent(sent=0, waiting=self.waiting, problem="the webhook answers 503")
        sent, self.waiting = self.waiting, 0
        self.done.set()
        return Sent(sent=sent, waiting=0)


def deliveries(post, **more):
    return Deliveries(post.due, post.send, **more)


def test_nothing_is_sent_where_nothing_waits():
    post = Post(waiting=0)
    assert deliveries(post).once()
    assert post.asked == 0


def test_a_receiver_that_comes_back_is_told_without_anybody_asking():
    post = Post(waiting=3, fails=2)
    beside = deliveries(post, first=0.01, longest=0.02)
    beside.start()
    assert post.done.wait(10)
    beside.stop()
    assert (post.asked, post.waiting) == (3, 0)


@pytest.mark.parametrize("error", [Unreachable("nobody at home"), None])
def test_each_problem_is_logged_once_and_ends_nothing(caplog, error):
    post = Post(fails=3, error=error)
    beside = deliveries(post)
    with caplog.at_level(logging.WARNING):
        assert not beside.once()
        assert not beside.once()
    assert len(caplog.records) == 1
    post.error, post.fails = None, 0
    assert beside.once()


def test_the_wait_grows_and_has_an_end(monkeypatch):
    post, waits = Post(fails=5), []
    beside = deliveries(post, first=60.0, longest=900.0)

    def wait(seconds):
        waits.append(seconds)
        return len(waits) > 8

    monkeypatch.setattr(beside._stop, "wait", wait)
    beside._run()
    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 60.0, 60.0, 60.0]


def test_it_may_be_stopped_before_it_began():
    deliveries(Post()).stop()


def test_a_secret_that_is_missing_keeps_no_server_from_starting(tmp_path):
    more = '[decisions]\nwebhook = "http://127.0.0.1:9/"\nsecret = "none.secret"\n'
    init_shop(tmp_path / "shop", name="Corner", currency="CHF", more=more)
    with Shop(tmp_path / "shop", writer=True) as shop:
        desk = DecisionDesk(shop)
        assert desk.sends
        assert Deliveries(desk.due, desk.send).once(), "nothing waits"
        made = Decision(id="d1", kind="price", subject="tea", suggested=3.2, now=3.5)
        desk.queue.propose([made], Person("Ann"))
        desk.queue.approve("d1", Person("Ann"))
        assert not Deliveries(desk.due, desk.send).once()
