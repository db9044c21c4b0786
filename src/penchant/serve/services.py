"""Everything that the HTTP door and the console need, as one interface that ``app/serving.py`` answers.

Calls may block on the disk or the model: the door runs them in a thread. Users are named by the shop's
own id in the first half and by pseudonym in the console's half; records are JSON-able.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from penchant.events.intake import IntakeResult
from penchant.recommend.wording import Language
from penchant.serve.campaigns import CampaignServices
from penchant.serve.decision_services import DecisionServices
from penchant.serve.guests import GuestServices
from penchant.serve.onboarding import OnboardingServices
from penchant.serve.rule_services import RuleServices
from penchant.settings import Settings
from penchant.types import Impression


@dataclass(frozen=True, slots=True)
class ListWanted:
    """What a request for a list of up to ``size`` items asks; ``user_id`` is None for nobody in particular.

    ``context_item`` is what is being looked at, ``exclude`` what must not be in the list.
    """

    user_id: str | None
    size: int
    placement: str = "default"
    context_item: str | None = None
    exclude: tuple[str, ...] = ()


class ApiServices(Protocol):
    """What ``/v1`` and the health routes ask for."""

    @property
    def rules(self) -> RuleServices:
        """The rules of the house."""
        ...

    @property
    def decided(self) -> DecisionServices:
        """Decisions and their approval."""
        ...

    @property
    def guests(self) -> GuestServices:
        """Guests who log in."""
        ...

    @property
    def campaigns(self) -> CampaignServices:
        """Campaigns, offers and stock."""
        ...

    @property
    def onboarding(self) -> OnboardingServices:
        """Questions to somebody new."""
        ...

    @property
    def settings(self) -> Settings:
        """The shop's settings; limits of the door are in ``settings.serve``."""
        ...

    def warm(self) -> None:
        """Do now, before the port opens, what would make the first requests slower than the others."""
        ...

    def verify(self, token: str) -> frozenset[str] | None:
        """Scopes among ``events``, ``read`` and ``admin``; None for a key that nobody was given."""
        ...

    def take_in_each(self, requests: list[list[dict[str, Any]]], *, wait: bool = True) -> list[IntakeResult]:
        """Records of several requests; accepted ones are durable and in the taste states when it returns.

        Raises:
            WouldWait: not to ``wait``, and something else writes or follows the log now; nothing was done.
        """
        ...

    def at_hand(self, wanted: ListWanted) -> bool:
        """Whether :meth:`recommend_each` takes a few ms at most for the list: the person is in memory, or has
        a short past."""
        ...

    def recommend_each(self, wanted: list[ListWanted], *, wait: bool = True) -> list[Impression]:
        """A list for each, logged under its ``recommendation_id``.

        Raises:
            WouldWait: a long past is to be read for one of them, and nobody is to ``wait``; no list was made.
        """
        ...

    def similar(self, item_id: str, size: int, user_id: str | None = None) -> Impression:
        """Items like this one, by the user's corrections where one is given, logged for nobody.

        Raises NotFound for an unknown item.
        """
        ...

    def search(self, query: str, size: int, user_id: str | None) -> Impression:
        """Items for a text, logged for the user where one is given who may be profiled."""
        ...

    def reason_words(self, shown: Impression, language: Language) -> list[str]:
        """Why each item is in a list, in words of that language."""
        ...

    def taste(self, user_id: str) -> dict[str, Any]:
        """The profile with its corrections; that of a stranger is empty, not an error.

        A :class:`penchant.taste.profile.TasteProfile` as built-ins, and ``corrections``, each with the number
        of ``items`` that it is about; ``forgotten``, how many events are; ``present``: ``start``, ``until``
        and ``session_id`` of the one that is being bought, or None; ``recent`` events, newest first, each
        with ``event_id``, ``type``, ``timestamp``, ``item_id``, ``title`` and why it is ``left_out``.
        """
        ...

    def correct_taste(self, user_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply the owner's corrections and return the new profile. Raises InvalidInput.

        ``corrections``, ``forget``, ``remember`` and ``present``, see :class:`penchant.app.tastes.Changes`.
        """
        ...

    def upsert_items(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Counts. All records are checked before any is written; raises InvalidInput."""
        ...

    def item_prices(self, item_id: str) -> dict[str, Any]:
        """``item_id``, ``price`` now, ``currency``, ``lowest_30_days`` and ``history``: each ``price`` and
        ``since`` when (unix seconds, None for longer than prices are kept). Raises NotFound."""
        ...

    def delete_items(self, item_ids: list[str]) -> dict[str, Any]:
        """Counts. Unknown ids change nothing."""
        ...

    def set_consent(
        self, user_id: str, profiling: bool | None = None, experiments: bool | None = None
    ) -> dict[str, Any]:
        """The consent that now holds, where None leaves it as it was."""
        ...

    def set_attributes(self, user_id: str, attributes: dict[str, Any]) -> dict[str, Any]:
        """Replace what is known of the person; gives what is now. Raises InvalidInput, Conflict."""
        ...

    def export(self, user_id: str) -> dict[str, Any]:
        """All that is held on the person."""
        ...

    def erase(self, user_id: str) -> dict[str, Any]:
        """What was removed, by store."""
        ...

    def readiness(self) -> dict[str, Any]:
        """``ready``, ``degraded``, ``reasons``, ``snapshot``, ``fallback``, ``log_position``, ``states``,
        ``learner``.

        ``ready``: lists are answered, if only of what is popular. ``degraded``: parts that are not as they
        should be: ``model``, ``snapshot``, ``person``, ``storage``, ``encoder``, ``lists``, ``events``,
        ``learner``; ``reasons`` in words. ``unlogged``: lists that were shown and are in no log.
        ``learned_position``: place of the log up to which what serves has learned.
        """
        ...

    def close(self) -> None:
        """Write what waits and let go of the shop. Called once, after the last request."""
        ...


class Services(ApiServices, Protocol):
    """The whole: what ``/v1`` asks for, and what only the console does."""

    @property
    def console_token(self) -> str:
        """Works once, in the address that ``penchant serve`` prints."""
        ...

    def overview(self) -> dict[str, Any]:
        """``events``, ``people``, ``items``, ``opted_out``, ``snapshot`` (name or "") and ``metrics``."""
        ...

    def people(self, query: str, limit: int) -> list[dict[str, Any]]:
        """``pseudonym``, ``events``, ``last`` (unix seconds) of people whose pseudonym fits ``query``.

        Where nobody's does, of the one person whose user id in the shop it is.
        """
        ...

    def person(self, pseudonym: str) -> dict[str, Any]:
        """What the console shows of a person. Raises NotFound.

        ``baskets``: newest first, each with ``timestamp``, ``type``, ``items`` (``item_id``, ``title``) and
        ``texts`` that were searched for or written;
        ``profile``: a :class:`penchant.taste.profile.TasteProfile` as built-ins; ``consent``: ``profiling``
        and ``experiments``.
        """
        ...

    def person_recommend(self, pseudonym: str, size: int) -> dict[str, Any]:
        """``recommendation_id`` of the list, logged like any other, and its ``items``.

        Of each item: ``item_id``, ``title``, ``category``, ``brand``, ``price``, ``score``, and ``reason`` in
        words.
        """
        ...

    def person_event(
        self, pseudonym: str, item_id: str, type: str, *, recommendation_id: str | None, position: int | None
    ) -> None:
        """One event as that person; durable and in the taste state when it returns.

        ``recommendation_id`` and ``position`` (from 0) say which place of which list it answers.
        """
        ...

    def person_consent(
        self, pseudonym: str, profiling: bool | None = None, experiments: bool | None = None
    ) -> dict[str, Any]:
        """As :meth:`ApiServices.set_consent`."""
        ...

    def person_taste(self, pseudonym: str, changes: dict[str, Any]) -> dict[str, Any]:
        """As :meth:`ApiServices.correct_taste`."""
        ...

    def person_export(self, pseudonym: str) -> dict[str, Any]:
        """As :meth:`ApiServices.export`."""
        ...

    def person_erase(self, pseudonym: str) -> dict[str, Any]:
        """As :meth:`ApiServices.erase`."""
        ...

    def find_items(self, query: str, size: int) -> list[dict[str, Any]]:
        """Items for a text, each as :meth:`person_recommend` shows it."""
        ...

    def similar_items(self, item_id: str, size: int) -> list[dict[str, Any]]:
        """Items like this one, each as :meth:`person_recommend` shows it."""
        ...

    def report_html(self, name: str) -> str | None:
        """A whole page: ``quality`` of the data and ``experiment``, both as of now; the newest ``evaluation``
        and the newest replay of ways of ``learning`` on, None before the first one.
        """
        ...

    def learning(self) -> dict[str, Any]:
        """How learning goes.

        ``snapshot`` (name or "") was promoted last, ``since`` unix seconds; ``loaded`` is what answers, and
        ``troubles`` says why it is another one; ``learner`` is ``off``, ``running`` or ``failed``; ``end`` is
        the log's newest position. ``progress``: a :class:`penchant.learn.progress.Progress` without hours and
        alarms, None before the first one. ``rates`` over the last days, and ``points`` in order of time: each
        with ``start``, ``asked``, and the shares ``serves``, ``still`` and ``frozen`` that were hit.
        ``alarms``, newest first: ``time``, ``what``, ``action``, ``factor``, ``events``, ``why``.
        ``snapshots``, newest first: ``name``, ``state`` (``serves``, ``served``, ``kept``), ``broken``,
        ``parent``, ``losses``, ``made``, ``since``, ``to``, ``events``, ``accepted``, ``reasons``; None where
        it is not known. ``promotions``, newest first: ``name``, ``time``, ``why``, ``here``. ``back``:
        ``name``, ``made`` and ``until`` of what a rollback leads to, or None. ``heat``: ``arm``, ``blocks``,
        ``written`` and ``svg`` of the newest replay, or None. ``report``: whether there is
        :meth:`report_html` of ``learning``.
        """
        ...

    def rollback(self, expected: str) -> dict[str, Any]:
        """Let serve again what served before ``expected``: ``serves`` and ``before``, within two seconds.

        Raises Conflict where another one than ``expected`` serves by now or the earlier one is broken, and
        NotFound where there is none; then nothing has changed.
        """
        ...
