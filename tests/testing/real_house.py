"""The real server and the real learner, as the simulation moves them: nothing of either is faked but time."""

import shutil
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from tests.serve import shops

from penchant.app import engine as engine_module
from penchant.app import shop as shop_module
from penchant.app.engine import Engine
from penchant.app.online import Online
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file
from penchant.events.attributes import ConsentedAttributes
from penchant.learn.progress import sum_of
from penchant.model import serving
from penchant.model.snapshot import read_snapshot
from penchant.model.soundness import check_arrays, try_out
from penchant.recommend.popularity import Popularity
from penchant.settings import parse_settings
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.simulation.world import BEGIN

SETTINGS = """
[cleaning]
bot_events_per_minute = 1000000
[train]
dim = 8
layers = 1
text_dim = 8
max_epochs = 2
threads = 1
[learn]
seconds = 0.0
"""
"""A model as small as can be; nobody is taken for a robot, for the clients know no rest."""


def fast_folder():
    """Memory in the place of a disk, where there is some: what is copied and dropped need not reach one."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


@cache
def template():
    """A trained shop of ten lines, made once for a process."""
    folder = Path(tempfile.mkdtemp(prefix="penchant-", dir=fast_folder())) / "shop"
    init_shop(folder, name="Corner", more=SETTINGS)
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        take_file(shop, shops.EXAMPLES / "events.csv")
        take_file(shop, shops.EXAMPLES / "items.csv")
        shops.train(shop)
    return folder


_READ, _TRIED = {}, set()
PARSED = cache(parse_settings)


def settings_once(path):
    """Nor the settings, which are the same in all lives."""
    return PARSED(path.read_text("utf-8"), path.name)


def read_once(folder):
    """No fault of the simulated disk touches a snapshot's files: a process reads and checks them once."""
    if folder.name not in _READ:
        manifest, arrays = read_snapshot(folder)
        check_arrays(arrays, int(manifest.settings["dim"]), manifest.id_table_length)
        for array in arrays.values():
            array.flags.writeable = False
        _READ[folder.name] = manifest, arrays
    manifest, arrays = _READ[folder.name]
    return manifest, dict(arrays)


def try_once(model):
    """Nor does what is tried out depend on anything but those and the number of items."""
    what = model.encoder_id, model.n_items
    if what not in _TRIED:
        try_out(model)
        _TRIED.add(what)


@contextmanager
def known():
    with (
        patch.object(serving, "read_snapshot", read_once),
        patch.object(serving, "check_arrays", lambda *_: None),
        patch.object(serving, "try_out", try_once),
        patch.object(shop_module, "read_settings", settings_once),
    ):
        yield


class WithoutPasts:
    """A model for who asks for no list: what it would give without each event is not worked out."""

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def pasts(self, state, tail=()):
        return None


class RealHouse:
    """A :class:`~penchant.testing.simulation.house.House`."""

    def __init__(self, folder, clock, learner=False):
        self.folder, self.clock = folder, clock
        with known():
            self.shop = Shop(folder, writer=True, clock=clock, encoder=FakeTextEncoder())
        try:
            # The watcher of new snapshots looks at the real clock: it never wakes.
            with patch.object(engine_module, "WATCH_SECONDS", 1e6), known():
                self.engine = Engine(self.shop)
        except BaseException:
            self.shop.close()
            raise
        self.log = self.shop.log
        self.intake = self.shop.intake()
        self.learner = Learner(folder, clock) if learner else None

    @property
    def tracker(self):
        return self.engine.recommender.tracker

    def take(self, requests):
        return self.intake.accept_all(requests)

    def hear(self):
        self.engine.catch_up()
        with known():
            self.engine.look()  # What its watcher does every two seconds.

    def serves(self):
        return self.tracker is not None

    def person(self, user_id):
        return self.shop.pseudonymizer.pseudonym(user_id)

    def state(self, user_id):
        return None if self.tracker is None else numbers(self.tracker.read(self.person(user_id)))

    def fresh_state(self, user_id):
        if self.tracker is None:
            return None
        shop = self.shop
        attributes = ConsentedAttributes(shop.attributes, shop.consent).attributes_of
        tokens = TokenMaker(shop.ids, shop.catalog.queries.of)
        model = WithoutPasts(self.tracker.model)
        anew = TasteTracker(model, shop.log, tokens, shop.consent, attributes)
        return numbers(anew.read(self.person(user_id)))

    def forget(self, user_id):
        if self.tracker is not None:
            self.tracker.forget(self.person(user_id))

    def effects(self):
        return self.engine.counts.popularity.scores(len(self.shop.ids))

    def fresh_effects(self):
        counted = Popularity(self.shop.settings.recommend.popularity_days)
        counted.rebuild(self.shop.log.columns(), self.shop.ids)
        return counted.scores(len(self.shop.ids))

    def item_ids(self):
        return self.shop.ids.item_ids()

    def learn(self):
        if self.learner is not None:
            self.learner.look()

    def learned(self):
        return None if self.learner is None else self.learner.counts()

    def fresh_learned(self):
        with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
            copy = Path(place) / "shop"
            shutil.copytree(self.folder, copy)
            shutil.rmtree(copy / "learning", ignore_errors=True)
            other = Learner(copy, self.clock)
            other.look()
            found = other.counts()
            other.close()
        return found

    def restart_learner(self):
        if self.learner is not None:
            self.learner.close()

    def checkpoint(self):
        self.shop.database.forget_for_good()

    def close(self):
        if self.learner is not None:
            self.learner.close()
        self.engine._stop.set()
        self.engine.close()
        self.shop.close()


class Learner:
    """The learner between two snapshots, opened where it is needed and begun anew after any trouble."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.online = self.shop = None

    def look(self):
        try:
            with known():
                if self.online is None:
                    self.shop = Shop(self.folder, writer=False, clock=self.clock, encoder=FakeTextEncoder())
                    self.online = Online(self.shop, self.clock)
                self.online.look()
        except Exception:  # As app.online.follow_log does.
            self.close()
            raise

    def counts(self):
        hours = sum_of(self.online._progress.hours)
        return np.array([hours.asked, hours.followed, self.online._beside.course.learned])

    def close(self):
        if self.shop is not None:
            self.shop.close()
        self.online = self.shop = None


def numbers(reading):
    """A reading as one row of numbers; None for a stranger."""
    if reading is None:
        return None
    h = reading.model.h(reading.state, BEGIN)
    window = [value for token in reading.window for value in (token.item, token.type, token.time - BEGIN)]
    bought = [value for pair in sorted(reading.bought.items()) for value in pair]
    return np.array([*h, *window, -1, *bought, -1, *sorted(reading.viewed)], np.float64)


def open_house(folder, clock):
    return RealHouse(folder, clock)


def open_with_learner(folder, clock):
    return RealHouse(folder, clock, learner=True)


def seeded_house(seed):
    """A learner takes part in one seed of eight: it costs as much as all the rest."""
    return open_with_learner if seed % 8 == 7 else open_house
