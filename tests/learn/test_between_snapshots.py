"""What is learned between two snapshots: published, served, unlearned, and taken back."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.learn.tiny_shop import TRAINED, add, events, more, until

from penchant.app import nightly
from penchant.app.learning import Follower, learn_now
from penchant.app.live import Live
from penchant.app.online import Online, follow_log
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.errors import Conflict, SnapshotRefused
from penchant.events.impressions import propensity
from penchant.learn.continued import Pace, learn_on
from penchant.learn.course import Answer, Course, held_out, worth
from penchant.learn.drift import Alarm, StreamName, response
from penchant.learn.people import Asked
from penchant.learn.progress import PROGRESS, Forecast, Progress, Told, read_progress, write_progress
from penchant.learn.shelf import ACCEPTED
from penchant.model.delta import DELTA, Delta, read_delta, write_delta
from penchant.model.snapshot import read_manifest
from penchant.privacy.consent import Consent
from penchant.recommend.search import FOUND
from penchant.serve.services import ListWanted
from penchant.taste.disregarded import Disregarded, Present
from penchant.taste.tokens import Basket
from penchant.types import Event, EventType, Impression, Item, Pseudonym, Recommendation


def look(folder: Path) -> Online:
    """One look of a process that ends then."""
    with Shop(folder, writer=False) as shop:
        online = Online(shop)
        online.look()
        return online


def published(folder: Path) -> Delta:
    with Shop(folder, writer=False) as shop:
        path = shop.shelf.path(shop.shelf.current())
        delta = read_delta(path, read_manifest(path))
    assert delta is not None
    return delta


def test_what_was_learned_is_served_between_two_requests(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.05)
    more(folder, 600)
    serving = Serving(Shop(folder, writer=True))
    try:
        before = serving.recommend_each([ListWanted("p000001", 20)])[0]
        assert serving.readiness()["learned_position"] == TRAINED
        online = look(folder)
        end = serving.shop.log.end()
        until(lambda: serving.readiness()["learned_position"] == end)
        after = serving.recommend_each([ListWanted("p000001", 20)])[0]
        assert serving.readiness()["snapshot"] == before.snapshot
        assert after.snapshot == f"{before.snapshot}+1"
        scores = {one.item_id: one.score for one in before.items}
        assert any(scores.get(one.item_id, one.score) != one.score for one in after.items)
        tracker = serving.recommender.tracker
        assert tracker is not None
        beside = online._beside
        assert beside is not None
        np.testing.assert_allclose(tracker.model.vectors(), beside.course.table.scored(), atol=1e-6)
    finally:
        serving.close()


def test_an_event_on_an_item_without_a_row_is_learned_once_it_has_one(folder: Path) -> None:
    """The writer logs an event first, and gives its item a row when it hears of it."""
    with Shop(folder, writer=True) as shop:
        known = msgspec.structs.replace(events()[TRAINED], user_id=shop.pseudonymizer.pseudonym("p000001"))
        shop.log.append([msgspec.structs.replace(known, event_id="new", item_id="never seen before")])
        add(shop, [])
        with Shop(folder, writer=False) as beside:
            shop.log.append([msgspec.structs.replace(known, event_id="newer", item_id="nor this")])
            online = Online(beside)
            online.look()
            assert online._beside is not None
            assert online._beside.position == TRAINED + 1
            shop.assign_ids()
            online.look()
            assert online._beside.position == shop.log.end() == TRAINED + 2


def test_a_restart_learns_the_same_and_counts_nothing_twice(folder: Path) -> None:
    more(folder, 700)
    look(folder)
    first, told = published(folder), read_progress(folder / PROGRESS)
    assert first.head.learned == told.learned > 50
    assert first.head.position == told.position
    look(folder)  # as after a kill: it begins with the snapshot again
    again, still = published(folder), read_progress(folder / PROGRESS)
    assert again.head.number == first.head.number + 1
    np.testing.assert_allclose(again.moves, first.moves, atol=1e-5)
    assert (again.head.learned, again.rows.tolist()) == (first.head.learned, first.rows.tolist())
    assert still.hours == told.hours
    asked = sum(hour.asked for hour in told.hours)
    assert asked > told.learned, "held-out people are asked too"
    assert sum(hour.ndcg for hour in told.hours) != sum(hour.frozen for hour in told.hours)


def test_what_its_owner_forgets_is_unlearned_and_a_present_is_not_learned(folder: Path) -> None:
    more(folder, 500)
    clock = iter(np.arange(0.0, 1e6, 10.0).tolist())
    gifts = [msgspec.structs.replace(one, session_id="gift") for one in events()[TRAINED + 500 :][:200]]
    with Shop(folder, writer=False) as shop:
        online = Online(shop, clock=lambda: next(clock))

        def learned() -> int:
            online.look()
            return published(folder).head.learned

        whole, positions = learned(), dict[Pseudonym, list[int]]()
        for entry in shop.log.follow(TRAINED, 500):
            positions.setdefault(Pseudonym(entry.event.user_id), []).append(entry.position)
        with Shop(folder, writer=True) as writer:
            for person, named in positions.items():
                writer.corrections.disregard(person, Disregarded(forgotten=tuple(named)))
        assert learned() == 0 < whole
        with Shop(folder, writer=True) as writer:
            for person in positions:
                writer.corrections.disregard(person, Disregarded())
        assert learned() == whole
        with Shop(folder, writer=True) as writer:
            present = Present(start=0.0, after=writer.log.end(), session_id="gift")
            for person in {writer.pseudonymizer.pseudonym(one.user_id) for one in gifts}:
                writer.corrections.disregard(person, Disregarded(presents=(present,)))
            add(writer, gifts)
        assert learned() == whole
        assert read_progress(folder / PROGRESS).position == shop.log.end()


def test_it_follows_the_log_and_goes_on_beside_a_new_snapshot(folder: Path) -> None:
    more(folder, 300)
    with Shop(folder, writer=False) as shop:
        online = Online(shop, clock=lambda: next(clock))
        clock = iter(np.arange(0.0, 1e6, 10.0).tolist())
        assert online.look()
        assert not online.look(), "nothing came"
        more(folder, 200, TRAINED + 300)
        assert online.look()
        assert published(folder).head.position == shop.log.end()
        name = shop.shelf.current()
        other = shutil.copytree(shop.shelf.path(name), shop.shelf.new_path(2e9))
        (other / DELTA).unlink()
        shop.shelf.promote(other.name, 2e9)
        assert online.look()
        assert read_progress(folder / PROGRESS).snapshot == other.name
        assert published(folder).head.number == 1


def test_behaviour_is_that_of_just_before_and_of_the_snapshot(folder: Path) -> None:
    more(folder, 400)
    with Shop(folder, writer=False) as shop:
        online = Online(shop)
        beside = online._begin(shop.shelf.current())
        asked = [one for entry in shop.log.follow(TRAINED, 400) if (one := beside.people.hear(entry))]
        assert len(asked) > 100
        model = beside.model
        tokens = beside.people._tokens
        for one in asked[-40:]:
            history = shop.log.of_user(one.person)
            read = tokens.of_all((logged.event for logged in history), Basket())
            buys = [t for t in read if t.time < one.time]
            assert set(one.had.tolist()) == {t.item for t in buys}
            np.testing.assert_allclose(one.h, model.h(model.encode(buys), one.time), atol=1e-4)
            old = [logged.event for logged in history if logged.position <= TRAINED]
            frozen = model.h(model.encode(tokens.of_all(old, Basket())), one.time)
            np.testing.assert_allclose(one.frozen, frozen, atol=1e-4)
            assert one.item not in one.had


def test_an_erased_person_is_unlearned(folder: Path) -> None:
    more(folder, 700)
    fresh = events()[TRAINED : TRAINED + 700]
    names = [event.user_id for event in fresh]
    with Shop(folder, writer=True) as shop:
        busy = sorted(set(names), key=names.count)[::-1]
        teacher = next(one for one in busy if not held_out(_asked(shop.pseudonymizer.pseudonym(one))))
        online = Online(shop)
        online.look()
        first = published(folder)
        shop.consent.set(shop.pseudonymizer.pseudonym(teacher), Consent(profiling=False))
        online._published = -np.inf
        online.look()
        left = published(folder)
        assert left.head.learned < first.head.learned
        shop.rights().erase(shop.pseudonymizer.pseudonym(teacher), shop.clock())
        online._published = -np.inf
        online.look()
        erased = published(folder)
    assert erased.head.learned == left.head.learned
    assert shop.pseudonymizer.pseudonym(teacher) not in (folder / "learning" / "drift.json").read_text()


def test_a_guest_who_logs_in_is_followed_as_the_person(folder: Path) -> None:
    more(folder, 500)
    names = [event.user_id for event in events()[TRAINED : TRAINED + 500]]
    busy = sorted(set(names), key=names.count)[::-1][:3]
    with Shop(folder, writer=False) as shop:
        online = Online(shop)
        online.look()
        beside, end = online._beside, shop.log.end()
        assert beside is not None
        guest, person, other = map(shop.pseudonymizer.pseudonym, busy)
        with Shop(folder, writer=True) as writer:
            assert writer.guests.join(guest, person, 2e9).events
        more(folder, 300, TRAINED + 500)
        online.look()
        assert online._beside is beside, "nobody else is read anew"
        for entry in shop.log.follow(end, 1_000):
            if entry.event.user_id in {guest, person, other}:
                fresh = beside.people._read(Pseudonym(entry.event.user_id), shop.log.end() + 1)
                held = beside.people._people.get(Pseudonym(entry.event.user_id))
                assert held is not None
                assert held.had == fresh.had
                np.testing.assert_allclose(
                    beside.model.h(held.state, 2e9), beside.model.h(fresh.state, 2e9), atol=1e-4
                )


def test_what_a_guest_taught_is_unlearned_where_the_person_opted_out(folder: Path) -> None:
    more(folder, 700)
    names = [event.user_id for event in events()[TRAINED : TRAINED + 700]]
    with Shop(folder, writer=True) as shop:
        busy = sorted(set(names), key=names.count)[::-1]
        teacher = next(one for one in busy if not held_out(_asked(shop.pseudonymizer.pseudonym(one))))
        shop.consent.set(Pseudonym("out"), Consent(profiling=False))
        online = Online(shop)
        online.look()
        first = published(folder).head.learned
        shop.guests.join(shop.pseudonymizer.pseudonym(teacher), Pseudonym("out"), 2e9)
        online._published = -np.inf
        online.look()
        assert published(folder).head.learned < first


def _asked(person: str, item: int = 0, h: float = 0.0) -> Asked:
    behaviour = np.full(8, h, np.float32)
    return Asked(Pseudonym(person), 1, 0.0, 0, item, behaviour, behaviour, np.zeros(0, np.int64))


@pytest.mark.parametrize(("spoil", "why"), [(1e4, "norm of its item vectors"), (np.nan, "NaN")])
def test_what_breaks_the_rows_is_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spoil: float, why: str
) -> None:
    more(folder, 400)
    judge = Course.judge

    def spoiled(course: Course, levels: np.ndarray):
        course.table.moves[course.table.moved] *= spoil
        return judge(course, levels)

    monkeypatch.setattr(Course, "judge", spoiled)
    look(folder)
    told = read_progress(folder / PROGRESS)
    assert (told.published, told.refused) == (0, 1)
    assert why in told.reason
    assert not published(folder).moves.any(), "and what serves goes back to the snapshot"


def test_a_broken_or_foreign_file_is_refused_and_what_serves_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.05)
    more(folder, 400)
    look(folder)
    good = published(folder)
    with Shop(folder, writer=False) as shop:
        path = shop.shelf.path(shop.shelf.current())
    manifest = read_manifest(path)
    head = msgspec.structs.replace(good.head, weights="another")
    write_delta(path, Delta(head, good.rows, good.moves, good.lifts))
    with pytest.raises(SnapshotRefused, match="other weights"):
        read_delta(path, manifest)
    endless = np.full_like(good.lifts, np.inf)
    write_delta(path, Delta(good.head, good.rows, good.moves, endless))
    with pytest.raises(SnapshotRefused, match="finite"):
        read_delta(path, manifest)
    (path / DELTA).write_bytes(b"\x00" * 40)
    with pytest.raises(SnapshotRefused, match="cannot be read"):
        read_delta(path, manifest)
    serving = Serving(Shop(folder, writer=True))
    try:
        until(lambda: "cannot be read" in caplog.text)
        assert serving.recommend_each([ListWanted("p000001", 5)])[0].items
        wrong = Delta(good.head, good.rows, good.moves[:, :3], good.lifts)
        write_delta(path, wrong)
        until(lambda: "not those of the snapshot" in caplog.text)
        write_delta(path, good)
        until(lambda: serving.readiness()["learned_position"] == good.head.position)
    finally:
        serving.close()


def test_a_new_item_takes_part_at_once(folder: Path) -> None:
    more(folder, 200)
    with Shop(folder, writer=True) as shop:
        online = Online(shop)
        online.look()
        known = len(shop.ids)
        title = next(iter(shop.items.all())).title
        shop.items.upsert([Item(item_id="brand new", title=title)])
        people = sorted({event.user_id for event in events()[:TRAINED]})[:40]
        last = events()[TRAINED + 200].timestamp
        add(
            shop,
            [
                Event(
                    user_id=one, type=EventType.PURCHASE, timestamp=last + n, item_id="brand new", sequence=n
                )
                for n, one in enumerate(people)
            ],
        )
        online._published = -np.inf
        online.look()
        delta = published(folder)
        assert known in delta.rows.tolist()
        assert delta.moves[delta.rows.tolist().index(known)].any()


def test_what_serves_far_below_its_forecast_is_rolled_back(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        first = shop.shelf.current()
        second = shutil.copytree(shop.shelf.path(first), shop.shelf.new_path(2e9))
        shop.shelf.promote(second.name, 2e9, ACCEPTED)
        live = Live(shop, Progress(snapshot=first))
        rng = np.random.default_rng(0)

        def answered(mean: float) -> None:
            values = (rng.random(1_000) < mean).astype(float).tolist()
            live.answered(
                [Answer(_asked(f"p{n % 400}"), value, value, value) for n, value in enumerate(values)]
            )

        answered(0.3)
        live.begin(second.name)
        assert live.forecast is not None
        assert 0.25 < live.forecast.mean < 0.35
        answered(0.28)
        assert shop.shelf.current() == second.name, "a little worse is chance"
        for _ in range(2):
            assert shop.shelf.current() == second.name
            answered(0.1)
        assert shop.shelf.current() == first
        why = shop.shelf.history()[-1].why
        assert why.startswith(f"rolled back by itself from {second.name}: NDCG@10 0.")


def test_a_training_by_hand_is_not_rolled_back(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        first = shop.shelf.current()
        second = shutil.copytree(shop.shelf.path(first), shop.shelf.new_path(2e9)).name
        shop.shelf.promote(second, 2e9)
        live = Live(shop, Progress(snapshot=second, forecast=Forecast(snapshot=second, mean=0.5, error=0.01)))
        live.answered([Answer(_asked(f"p{n}"), 0.0, 0.0, 0.0) for n in range(400)])
        assert shop.shelf.current() == second


def test_an_alarm_orders_a_pass_that_goes_as_far_as_it_may(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[float] = []

    def learn(model, job, seed):
        whole.append(job.pace.whole)
        return learn_on(model, job, seed)

    monkeypatch.setattr(nightly, "LEARN", learn)
    settings = (folder / "shop.toml").read_text()
    (folder / "shop.toml").write_text(settings.replace("events = 150", "events = 5000"))
    more(folder, 500)
    follower = Follower(folder, lambda what, share: None)
    assert follower.look() is None, "too little came"
    assert read_progress(folder / PROGRESS) == Progress()
    fell = Alarm(
        time=0.0, position=TRAINED + 100, stream=StreamName.QUALITY, name="", what="it fell",
        before=0.3, after=0.1, events=900,
    )  # fmt: skip
    assert response(fell).action == "retrain"
    write_progress(folder / PROGRESS, Progress(alarms=[Told(alarm=fell, response=response(fell))]))
    outcome = follower.look()
    assert outcome is not None
    assert whole == [0.0]
    assert follower.look() is None, "once"
    more(folder, 900)
    learn_now(folder, lambda what, share: None)
    assert whole == [0.0, Pace().whole], "nothing ordered this one"


def test_following_ends_when_it_is_told_to_and_survives_a_shop_without_a_model(tmp_path: Path) -> None:
    from penchant.app.shop import init_shop

    init_shop(tmp_path / "shop")
    waits = iter([True, True, True, False])
    slept: list[float] = []
    follow_log(tmp_path / "shop", lambda: next(waits, False), slept.append)
    assert slept


def test_a_state_that_cannot_be_read_begins_anew(folder: Path) -> None:
    more(folder, 100)
    (folder / "learning").mkdir()
    (folder / "learning" / "drift.json").write_text("{")
    (folder / PROGRESS).write_text("[]")
    look(folder)
    assert json.loads((folder / PROGRESS).read_text())["position"] == TRAINED + 100
    assert json.loads((folder / "learning" / "drift.json").read_text())["position"] == TRAINED + 100


def test_what_a_list_had_shown_is_counted_and_weighed_by_its_propensity(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        fresh = events()[TRAINED : TRAINED + 300]
        known = {shop.pseudonymizer.pseudonym(one.user_id): one for one in fresh}
        online = Online(shop)
        for place, (person, event) in enumerate(known.items()):
            assert event.item_id is not None
            item = Recommendation(item_id=event.item_id, score=1.0, position=0, reason=FOUND, propensity=0.25)
            shop.impressions.append(
                [
                    Impression(
                        recommendation_id=f"list {place}", user_id=person, placement="home", items=(item,),
                        timestamp=event.timestamp - (60.0 if place % 2 else 2 * 86_400.0),
                    )
                ]
            )  # fmt: skip
            found = propensity(shop.impressions, replaced(event, person))
            assert found == (0.25 if place % 2 else 0.0), "a day at most"
            named = msgspec.structs.replace(replaced(event, person), recommendation_id=f"list {place}")
            assert propensity(shop.impressions, named) == 0.25, "unless the event names it"
        add(shop, fresh)
        online.look()
    told = read_progress(folder / PROGRESS)
    asked, followed = (sum(getattr(hour, name) for hour in told.hours) for name in ("asked", "followed"))
    assert 0 < followed < asked
    shown = [worth(shown_with(one)) for one in (0.0, 1.0, 0.25, 0.001)]
    assert shown == [1.0, 1.0, 4.0, 10.0]


def replaced(event: Event, person: str) -> Event:
    return msgspec.structs.replace(event, user_id=person)


def shown_with(shown: float) -> Asked:
    return replace(_asked("p"), shown=shown)


def test_what_is_looked_at_before_it_is_bought_is_asked_when_it_is_looked_at(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        last = events()[TRAINED].timestamp + 1e6
        item = events()[0].item_id
        new = {event.user_id for event in events()} - {
            event.user_id for event in events()[:TRAINED] if event.item_id == item
        }
        some = sorted(new)[:60]
        for kind, later in ((EventType.VIEW, 0.0), (EventType.PURCHASE, 60.0)):
            add(
                shop,
                [
                    Event(
                        user_id=one, type=kind, timestamp=last + later + n, item_id=item, sequence=int(later)
                    )
                    for n, one in enumerate(some)
                ],
            )
        online = Online(shop)
        online.look()
        beside = online._beside
        assert beside is not None
        row = int(shop.ids.rows([item or ""])[0])
        assert beside.course.table.moved[row]
        assert 40 <= beside.course.learned <= 60, "once each, but for the tenth that is held out"


def test_old_orders_that_come_in_late_move_people_and_teach_nothing(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        add(
            shop,
            [
                msgspec.structs.replace(event, timestamp=event.timestamp - 400 * 86_400.0)
                for event in events()[TRAINED : TRAINED + 300]
            ],
        )
        Online(shop).look()
    told = read_progress(folder / PROGRESS)
    assert (told.learned, told.hours) == (0, [])
    assert told.position == TRAINED + 300


def test_an_erasure_or_an_opt_out_takes_what_was_learned_out_of_what_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no learner runs that could make it anew."""
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.05)
    more(folder, 400)
    look(folder)
    serving = Serving(Shop(folder, writer=True))
    try:
        until(lambda: serving.recommender.tracker.version.endswith("+1"))
        people = [event.user_id for event in events()[TRAINED : TRAINED + 400]]
        serving.set_consent(people[0], False)
        until(lambda: "+" not in serving.recommender.tracker.version)
        assert not (folder / "learning" / "drift.json").exists()
        look(folder)
        until(lambda: serving.recommender.tracker.version.endswith("+1"))
        serving.erase(people[1])
        until(lambda: "+" not in serving.recommender.tracker.version)
        assert serving.recommend_each([ListWanted("p000001", 5)])[0].items
    finally:
        serving.close()


def test_of_many_who_promote_at_once_each_has_a_line_and_nobody_undoes_what_they_did_not_see(
    folder: Path,
) -> None:
    with Shop(folder, writer=False) as shop:
        first = shop.shelf.current()
        second = shutil.copytree(shop.shelf.path(first), shop.shelf.new_path(2e9)).name

        def promote(number: int) -> None:
            Shop(folder, writer=False).shelf.promote((first, second)[number % 2], float(number), str(number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(promote, range(40)))
        assert sorted(int(one.why) for one in shop.shelf.history()[1:]) == list(range(40))
        serves = shop.shelf.current()
        other = ({first, second} - {serves}).pop()
        with pytest.raises(Conflict, match="serves by now"):
            shop.shelf.promote(serves, 1.0, "late", expected=other)
        assert shop.shelf.current() == serves


def test_without_river_it_learns_and_says_that_nothing_watches(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    more(folder, 300)
    look(folder)
    told = read_progress(folder / PROGRESS)
    assert told.published == 1
    assert "pip install 'penchant[drift]'" in told.watching
    assert not (folder / "learning" / "drift.json").exists()


def test_after_a_refusal_what_is_learned_next_is_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        judge = Course.judge

        def spoiled(course: Course, levels: np.ndarray):
            course.table.moves[course.table.moved] = np.nan
            return judge(course, levels)

        more(folder, 600)
        with Shop(folder, writer=False) as shop:
            online = Online(shop)
            patch.setattr(Course, "judge", spoiled)
            online.look()
            assert not published(folder).moves.any()
            patch.setattr(Course, "judge", judge)
            more(folder, 100, TRAINED + 600)
            online._published = -np.inf
            online.look()
    assert published(folder).moves.any(), "though it is less than was learned before the refusal"
    assert published(folder).head.learned < 100
