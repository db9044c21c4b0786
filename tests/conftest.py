"""What all tests share."""

import signal

# A shell without job control starts what it puts into the background deaf to Ctrl-C, with its children.
# The tests of Ctrl-C are of processes that hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
