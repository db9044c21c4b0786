"""One root for every error that Penchant raises on purpose.

A message says what was wrong, what was received and what to do. The command line prints it as one
line; ``serve/errors.py`` maps each class to an HTTP status.
"""

import traceback


class PenchantError(Exception):
    """Root of all. ``code`` is stable and machine-readable; the text is for people."""

    code = "error"


class InvalidInput(PenchantError):
    """Something from outside breaks a rule: a file, a record, an argument."""

    code = "invalid-input"


class NotFound(PenchantError):
    """What was named does not exist."""

    code = "not-found"


class Conflict(PenchantError):
    """What was asked contradicts what is already there."""

    code = "conflict"


class Unauthorized(PenchantError):
    """No key, or one that nobody was given."""

    code = "unauthorized"


class Forbidden(PenchantError):
    """A valid key without the scope that this needs."""

    code = "forbidden"


class TooLarge(PenchantError):
    """A body, a batch or a text above its limit."""

    code = "too-large"


class Overloaded(PenchantError):
    """More requests than can be answered soon; the same one may be sent again in a second."""

    code = "overloaded"


class WouldWait(PenchantError):
    """It cannot be done without waiting, and was asked for at once; nothing was done."""

    code = "would-wait"


class Unreachable(PenchantError):
    """Another process of this server does not answer."""

    code = "unreachable"


class SettingsError(PenchantError):
    """A settings file or a setting that cannot be used."""

    code = "settings"


class ShopError(PenchantError):
    """A shop folder that cannot be used: missing, damaged, or made by a newer version."""

    code = "shop"


class DamagedLog(ShopError):
    """What is read from the log is not what was written to it; the message says where."""

    code = "damaged"


class ShopBusy(ShopError):
    """Another process is the writer of this shop."""

    code = "shop-busy"


class StorageError(PenchantError):
    """The disk refused: full, read-only or broken. What was acknowledged before is safe."""

    code = "storage"


class SnapshotRefused(PenchantError):
    """A snapshot that is broken, foreign or newer than this version."""

    code = "snapshot"


class EncoderGone(PenchantError):
    """The language model that reads texts cannot be used now; what was read before can."""

    code = "encoder"


class NotTrained(PenchantError):
    """There is no model yet."""

    code = "not-trained"


class NotEnoughData(PenchantError):
    """Too few events or items for what was asked."""

    code = "not-enough-data"


class MissingExtra(PenchantError):
    """An optional package is not installed; the message holds the install command."""

    code = "missing-extra"


class Interrupted(PenchantError):
    """Stopped by the user. What was done so far is kept and can be resumed."""

    code = "interrupted"


def where(error: BaseException, frames: int) -> str:
    """Class of a fault and of what caused it, and the innermost ``frames`` places of each.

    No messages: they may hold anything.

    Of SQLite's errors the name of the code is told too: a full disk is not a broken one.

    >>> where(ValueError("of anna"), 1)
    'ValueError'
    """
    innermost = traceback.extract_tb(error.__traceback__)[-frames:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(innermost))
    name = " ".join([type(error).__name__, getattr(error, "sqlite_errorname", "")]).strip()
    because = f", from {where(error.__cause__, frames)}" if error.__cause__ is not None else ""
    return name + (f" at {places}" if places else "") + because
