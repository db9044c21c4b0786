"""A learner that follows leaves a core to whoever answers shoppers."""

import os
from argparse import Namespace
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from penchant.app.shop import init_shop
from penchant.verbs import learn as verb

pytestmark = pytest.mark.skipif(
    all(one["user_api"] != "blas" for one in threadpool_info()),
    reason="the BLAS of this numpy cannot be told how many threads to take",
)


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_products_of_a_follower_have_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init_shop(tmp_path / "shop")
    seen, niced = list[set[int]](), list[int]()
    monkeypatch.setattr(verb, "follow", lambda *_: seen.append(blas_threads()))
    monkeypatch.setattr(verb, "follow_log", lambda *_: None)
    monkeypatch.setattr(os, "nice", niced.append)
    asked = Namespace(shop=tmp_path / "shop", once=False, from_scratch=False, beside=os.getpid(), every=None)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        verb.learn(asked)
        after = blas_threads()
    assert seen == [{1}]
    assert niced == [verb.NICENESS]
    assert before == after == {2}  # A pass by hand, and all else in this process, has what it had.
