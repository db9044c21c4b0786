"""What all tests share."""

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# A shell without job control starts what it puts into the background deaf to Ctrl-C, with its children.
# The tests of Ctrl-C are of processes that hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is slow by chance; a test that fails for it has found nothing.
settings.register_profile("penchant", deadline=None)
settings.load_profile("penchant")


@pytest.fixture(scope="session", autouse=True)
def as_urgent_as_the_rest() -> Generator[None]:
    """A learner makes way for a server. One that a test runs in its own process would make that process wait
    for all others, with every test that follows in it: priority cannot be taken back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda by: by)
        patch.setattr("penchant.verbs.learn.AUTOGROUP", Path(os.devnull))
        yield
