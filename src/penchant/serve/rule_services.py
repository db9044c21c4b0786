"""What the HTTP door and the console ask about the rules of the house, as ``app/ruling.py`` answers it."""

from typing import Any, Protocol


class RuleServices(Protocol):
    """Documents are JDM in JSON; ``expected`` is the version that the author saw, None for any."""

    def rules(self) -> dict[str, Any]:
        """``version`` (0 before the first), ``in_force``, ``document``, ``rules`` and ``history``.

        Of each rule: ``name``, ``action``, ``amount``, ``per``, ``on``, ``starts`` and ``ends`` (unix seconds
        or None), ``items`` that fit it, some ``titles`` of them and ``lists``, 0 here. ``history``, newest
        first: ``version``, ``time``, ``author``, ``note``, ``restores``, ``added``, ``removed``, ``changed``.
        """
        ...

    def save_rules(self, document: bytes, author: str, note: str, expected: int | None) -> dict[str, Any]:
        """Check and keep; in force for every list of every process when this returns: ``version``, ``rules``.

        Raises InvalidRules with every reason, Conflict where ``expected`` is not the newest version.
        """
        ...

    def rollback_rules(self, version: int, author: str, note: str, expected: int | None) -> dict[str, Any]:
        """Bring an earlier version back as a new one. Raises NotFound, Conflict."""
        ...

    def try_rules(self, document: bytes) -> dict[str, Any]:
        """What a document would have changed in last week's lists; nothing is kept. Raises InvalidRules.

        ``lists`` that were made again, how many ``changed``, their ``share``, ``examples`` of titles
        ``before`` and ``after``, and ``rules`` as in :meth:`rules`, where ``lists`` counts changed lists in
        which an item that fits the rule came, went or moved.
        """
        ...
