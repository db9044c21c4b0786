"""The console's half: people by pseudonym, items with their words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from penchant.errors import InvalidInput, NotFound
from penchant.recommend.reasons import words
from penchant.types import Event, EventType, Logged, Pseudonym, Recommendation

if TYPE_CHECKING:
    from penchant.app.serving import Serving

BASKETS = 12
