"""One pass of the learner over a shop: read, learn, judge, keep, promote."""

import logging
import math
import time
from dataclasses import replace

import msgspec
import numpy as np

from penchant.app.bars import training_bar
from penchant.app.drift import wants_a_pass
from penchant.app.output import Told
from penchant.app.ranker import FOLDER as RANKER
from penchant.app.ranking import ready, train_ranker
from penchant.app.shop import Shop
from penchant.app.standing import Outcome, Standing
from penchant.app.work import TRAINING, Material, material, train_model
from penchant.errors import Conflict, NotFound, PenchantError
from penchant.learn.consolidate import make_consolidations
from penchant.learn.continued import Known, Pace, Pass, learn_on
from penchant.learn.gate import GateSettings, Verdict
from penchant.learn.nightly import Attempt, Learn, Reference, Rules, attempt, next_task
from penchant.learn.replay import make_replay
from penchant.learn.shelf import ACCEPTED
from penchant.model.checkpoint import clear_checkpoint
from penchant.model.loading import load_model
from penchant.model.saving import save_snapshot
from penchant.model.scoring import PreferenceModel
from penchant.model.snapshot import Learned, read_manifest
from penchant.recommend.ranking.folder import read_ranker
from penchant.settings import LearnSettings

_log = logging.getLogger(__name__)

RANKER_SECONDS = 7 * 86_400.0
"""Between two trainings of a ranker: each costs a training from scratch, on all but the newest weeks."""

LEARN: Learn = learn_on
"""What learns on; a test puts something worse in its place."""


def learn_step(shop: Shop, at: Standing, told: Told, from_scratch: bool) -> Outcome:
    """See :func:`~penchant.app.learning.learn_now`; the shop's training lock is held."""
    begun, asked = time.monotonic(), shop.clock()
    # Wrong settings are refused before anything is read.
    rules = rules_of(shop.settings.learn, urgent=wants_a_pass(shop.folder, at.seen))
    given = material(shop, told)
    known = known_of(given)
    since = learned_to(shop, at)
    task = next_task(known.histories, since, rules)
    champion = load(shop, at.champion, given)
    reference = None if from_scratch else _reference(shop, at, champion, given)
    told("learning: what is new", 0.0)
    learn = _training(shop, given, told) if from_scratch else LEARN
    done = attempt(
        champion, known, task, rules,
        reference=reference, seed=shop.settings.train.seed + at.seen, learn=learn,
    )  # fmt: skip
    _nobody_left(shop, given, asked)
    outcome = _keep(shop, at, given, done, from_scratch)
    ranker = _rank_again(shop, given, told, asked)
    return msgspec.structs.replace(outcome, ranker=ranker, seconds=time.monotonic() - begun)


def _rank_again(shop: Shop, given: Material, told: Told, asked: float) -> str:
    """Learn the shop's ranker anew where it has one that is a week old; what came of it, for people.

    Nothing that goes wrong with it is a reason to throw the pass away: the older one orders on.
    """
    try:
        made = read_ranker(shop.folder / RANKER)[0].made if (shop.folder / RANKER).exists() else np.inf
        if shop.clock() - made < RANKER_SECONDS:
            return ""
        split = ready(given)
        found = train_ranker(shop, given, split, told, lambda: _nobody_left(shop, given, asked)).verdict
    except PenchantError as error:
        return f"the ranker was not learned anew: {error}"
    except Exception as error:  # What was learned before it is kept, and may serve already.
        _log.exception("the ranker could not be learned anew")
        return f"the ranker was not learned anew: {type(error).__name__}: {error}"
    return f"the ranker was learned anew: NDCG@10 {found.taste:.4f} by taste alone, {found.ranked:.4f} ranked"


def rules_of(settings: LearnSettings, *, urgent: bool = False) -> Rules:
    """A shop's settings as the room of learning calls them.

    Where drift ordered the pass (``urgent``) it goes as far as it may, however little is fresh: what was
    learned from much is not true any more.

    Raises:
        SettingsError: a consolidation that nobody knows.

    >>> rules_of(LearnSettings(consolidation="pull+averaging", margin=0.1)).gate.margin
    0.1
    >>> [rules_of(LearnSettings(), urgent=urgent).pace.suited(0.002).lr for urgent in (False, True)]
    [0.0001, 0.001]
    """
    pace = Pace(lr=settings.lr, passes=settings.passes, context=settings.context)
    return Rules(
        pace=replace(pace, whole=0.0) if urgent else pace,
        replay=make_replay(settings.replay),
        consolidations=make_consolidations([name for name in settings.consolidation.split("+") if name]),
        gate=GateSettings(margin=settings.margin, least=settings.least),
    )


def known_of(given: Material) -> Known:
    """The log and the catalogue as learning on wants them."""
    items, data = given.items, given.data
    return Known(data.histories, items.count, items.vectors, given.queries, items.prices, data.attributes)


def load(shop: Shop, name: str, given: Material) -> PreferenceModel:
    """A snapshot in its training form, with a row for every item there is now."""
    return load_model(shop.shelf.path(name), given.items.count, given.items.vectors, given.items.prices)


def learned_to(shop: Shop, at: Standing) -> float:
    """The moment up to which the champion has learned, unix seconds."""
    if at.manifest.learned is not None:
        return at.manifest.learned.to
    # Of before there was a learner: it had seen the log up to a position.
    columns = shop.log.columns()
    times = columns.time[columns.position <= at.manifest.log_position]
    return float(times[times <= shop.clock()].max(initial=0.0)) + 1e-3


def _root(at: Standing) -> str:
    """The training from scratch that the champion comes from."""
    learned = at.manifest.learned
    return (learned.from_scratch if learned is not None else "") or at.champion


def _reference(shop: Shop, at: Standing, champion: PreferenceModel, given: Material) -> Reference | None:
    root = _root(at)
    if root == at.champion:
        return Reference(champion, learned_to(shop, at))
    try:
        learned = read_manifest(shop.shelf.path(root)).learned
    except NotFound:
        return None
    return None if learned is None else Reference(load(shop, root, given), learned.to)


def _training(shop: Shop, given: Material, told: Told) -> Learn:
    """From scratch, on what a pass would have learned and everything before it."""

    def learn(champion: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
        del champion, seed
        until = float(job.known.histories.times.max(initial=0.0))
        bar = training_bar(told, shop.settings.train.time_budget)
        return train_model(shop, given, bar, until=math.nextafter(until, math.inf))

    return learn


def _nobody_left(shop: Shop, given: Material, since: float) -> None:
    """Raises Conflict where a model has learned from somebody who was erased, or opted out, meanwhile. A
    guest who became somebody is not gone, unless that somebody opted out. ``since``: unix seconds."""
    people, out = set(given.data.people), shop.consent.opted_out()
    gone = people - set(shop.log.people())
    # One device may be of several people, one after the other: each of its logins counts.
    logins = [(guest, login.person) for guest, login in shop.guests.since(since) if guest in people]
    became = {person for _, person in logins}
    if people & out or gone - {guest for guest, _ in logins} or became & out:
        raise Conflict(
            "people were erased or opted out while it learned from them: what it made is thrown away, "
            "and it learns anew without them"
        )


def _keep(shop: Shop, at: Standing, given: Material, done: Attempt, from_scratch: bool) -> Outcome:
    """Write the challenger with its verdict, and let it serve where that says so."""
    now, task, end = shop.clock(), done.task, given.data.log_position
    new = shop.log.columns(at.manifest.log_position)
    new = new.keep(new.position <= end)
    position = int(new.position[new.time < task.to].max(initial=at.manifest.log_position))
    verdict = _still(shop, at, done.verdict)
    path = shop.shelf.new_path(now)
    learned = Learned(
        since=None if from_scratch else task.since,
        to=task.to,
        seen=end,
        events=task.events,
        checksum=task.checksum,
        from_scratch="" if from_scratch else _root(at),
        made=now,
        accepted=verdict.accepted,
        reasons=verdict.reasons,
    )
    save_snapshot(
        done.challenger, path,
        id_table_hash=shop.ids.digest(given.items.count), id_table_length=given.items.count,
        log_position=position, metrics=verdict.figures, parent=at.champion, learned=learned,
    )  # fmt: skip
    if verdict.accepted:
        shop.shelf.promote(path.name, now, ACCEPTED)
    shop.shelf.prune(also=[_root(at), *shop.settings.experiment.pinned().values()])
    if from_scratch:
        clear_checkpoint(shop.folder / TRAINING)
    return Outcome(
        snapshot=path.name,
        parent=at.champion,
        serves=verdict.accepted,
        reasons=verdict.reasons,
        since=learned.since,
        to=task.to,
        log_position=position,
        events=task.events,
        late=int((new.time < task.since).sum()),
    )


def _still(shop: Shop, at: Standing, verdict: Verdict) -> Verdict:
    """Refused where another snapshot has taken over while this one was made."""
    serves = shop.shelf.current()
    if serves == at.champion:
        return verdict
    reason = f"{serves} took over from {at.champion}, with which it was compared, while it learned"
    return Verdict(accepted=False, reasons=(reason,), figures=verdict.figures)
