"""Memory that a training step frees is kept for the next one."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST = 32 * 1024 * 1024  # the most that glibc takes as threshold
_KEPT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library not to hand freed arrays back to the system; whether it understood.

    By default glibc maps an array of more than 128 KiB anew each time, and the system fills its pages
    with zeros: a sixth of a training step. Only glibc knows this; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
