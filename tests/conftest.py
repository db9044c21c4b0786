"""What all tests share."""

import signal

from hypothesis import settings

# A shell without job control starts what it puts into the background deaf to Ctrl-C, with its children.
# The tests of Ctrl-C are of processes that hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is slow by chance; a test that fails for it has found nothing.
settings.register_profile("penchant", deadline=None)
settings.load_profile("penchant")
