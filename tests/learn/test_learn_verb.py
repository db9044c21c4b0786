"""``penchant learn``: what serves, what is kept out, what a kill leaves, and who is never learned."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest
import torch
from tests.app.commands import ENVIRONMENT, WITHOUT_LANGUAGE_MODEL, end, run, start
from tests.learn import killing
from tests.learn.tiny_shop import TRAINED, add, check_chain, events, learned, manifests, more, until

from penchant import cli
from penchant.app import nightly
from penchant.app.beside import LEARNER, ChildProcess
from penchant.app.learning import Follower, follow, is_due, learn_now
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.standing import standing
from penchant.errors import NotEnoughData, NotTrained
from penchant.learn.continued import Pass, learn_on
from penchant.model.folders import write_folder
from penchant.model.scoring import PreferenceModel
from penchant.privacy.consent import Consent
from penchant.serve.services import ListWanted
from penchant.types import Event, Pseudonym


def silent(what: str, share: float) -> None:
    pass


def same(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
    """Learns nothing, at once."""
    return model


def carefully(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
    """Learns, and goes a hundredth of the way.

    The gate allows a loss of 2%. With 120 people a whole pass is judged by luck, and so was a tenth of one:
    it lost 3% on a machine whose sums round in another order.
    """
    student = learn_on(model, job, seed)
    with torch.no_grad():
        before, after = model.net.state_dict(), student.net.state_dict()
        for name, new in after.items():
            if new.is_floating_point():
                new.lerp_(before[name], 0.99)
    return student


def spoiled(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
    """Learns, and then its weights are multiplied."""
    student = learn_on(model, job, seed)
    with torch.no_grad():
        student.net.items.project.weight.mul_(5)
    return student


def test_a_good_challenger_is_promoted_and_served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.05)
    monkeypatch.setattr(nightly, "LEARN", carefully)
    first = next(iter(manifests(folder)))
    more(folder, 1_200)
    serving = Serving(Shop(folder, writer=True))
    try:
        assert serving.readiness()["snapshot"] == first
        outcome = learn_now(folder, silent)  # beside the server, which is the writer
        assert outcome.serves, outcome.reasons
        until(lambda: serving.readiness()["snapshot"] == outcome.snapshot)
        assert serving.recommend_each([ListWanted("p000001", 5)])[0].items
    finally:
        serving.close()
    own = manifests(folder)[outcome.snapshot]
    assert own.parent == learned(own).from_scratch == first
    assert own.encoder_id != manifests(folder)[first].encoder_id
    assert check_chain(folder) == outcome.events > 500


def test_a_spoiled_one_is_kept_out_and_listed_with_its_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nightly, "LEARN", spoiled)
    more(folder, 600)
    assert cli.main(["learn", "--once", "--json", "--shop", str(folder)]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert not outcome["serves"]
    assert cli.main(["snapshots", "list", "--json", "--shop", str(folder)]) == 0
    first, kept = json.loads(capsys.readouterr().out)
    assert (first["serving"], first["verdict"], first["parent"]) == (True, "accepted", "none")
    assert (kept["name"], kept["serving"], kept["verdict"]) == (outcome["snapshot"], False, "refused")
    assert kept["parent"] == first["name"]
    assert "norm of its item vectors" in kept["reasons"][0]
    assert "newest.loss" in kept["metrics"]
    with Shop(folder, writer=False) as shop:
        assert not is_due(standing(shop), shop.log.end(), 0.0, 1, 1e9), "tried again only after more came"


def test_what_a_refused_one_learned_is_learned_by_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "LEARN", spoiled)
    more(folder, 600)
    refused = learn_now(folder, silent)
    monkeypatch.setattr(nightly, "LEARN", same)
    more(folder, 300, TRAINED + 600)
    accepted = learn_now(folder, silent)
    assert (refused.serves, accepted.serves) == (False, True)
    assert accepted.since == refused.since
    assert accepted.events > refused.events
    assert check_chain(folder) == accepted.events


def test_a_chain_of_passes_learns_each_event_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "LEARN", same)
    for begin in range(TRAINED, TRAINED + 1_600, 400):
        more(folder, 400, begin)
        assert learn_now(folder, silent).serves
    assert len(manifests(folder)) == 5
    assert check_chain(folder) > 1_000


def test_from_scratch_by_hand_and_by_schedule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more(folder, 1_200)
    settings = (folder / "shop.toml").read_text()
    rare = settings.replace("events = 150", "events = 50000\nscratch = 1e9")
    (folder / "shop.toml").write_text(rare)
    assert Follower(folder, silent).look() is None, "neither is due"
    assert cli.main(["learn", "--from-scratch", "--json", "--shop", str(folder)]) == 0
    outcome = json.loads(capsys.readouterr().out)
    made = manifests(folder)[outcome["snapshot"]]
    assert (outcome["since"], learned(made).since, learned(made).from_scratch) == (None, None, "")
    assert learned(made).events > 1_000
    assert "newest.loss" in made.metrics
    with Shop(folder, writer=False) as shop:
        assert standing(shop).scratched == learned(made).made, "counts, whatever the gate said"
    assert Follower(folder, silent).look() is None, "nothing came since"
    more(folder, 300, TRAINED + 1_200)
    (folder / "shop.toml").write_text(rare.replace("1e9", "1e-9"))
    again = Follower(folder, silent).look()
    assert again is not None
    assert again.since is None


def test_a_late_event_is_counted_and_not_learned_as_fresh(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "LEARN", same)
    with Shop(folder, writer=True) as shop:
        late = [replace_time(event, event.timestamp - 30 * 86_400) for event in events()[2_400:2_407]]
        add(shop, [*late, *events()[TRAINED : TRAINED + 600]])
    assert learn_now(folder, silent).late >= 7


def replace_time(event: Event, timestamp: float) -> Event:
    return msgspec.structs.replace(event, timestamp=timestamp)


def test_without_enough_it_waits_and_does_not_read_everything_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more(folder, 20)
    follower = Follower(folder, silent, every=1e-9)
    with pytest.raises(NotEnoughData, match="50 are needed"):
        follower.look()
    monkeypatch.setattr("penchant.app.learning._pass", lambda *_: pytest.fail("read again"))
    assert follower.look() is None


def test_nothing_new_is_nothing_to_do(folder: Path) -> None:
    assert Follower(folder, silent, every=1e-9).look() is None


def test_without_a_model_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init_shop(tmp_path / "shop")
    assert cli.main(["learn", "--shop", str(tmp_path / "shop")]) == 1
    assert "run `penchant train`" in capsys.readouterr().err
    with pytest.raises(NotTrained):
        learn_now(tmp_path / "shop", silent)


def test_beside_a_server_it_waits_for_a_model_and_tells_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init_shop(tmp_path / "shop")
    looks = iter([True, True, True, False])
    follow(Follower(tmp_path / "shop", silent), print, lambda: next(looks), lambda seconds: None)
    assert capsys.readouterr().err.count("penchant train") == 1


def test_another_promotion_meanwhile_is_not_undone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "LEARN", same)
    more(folder, 800)
    other = learn_now(folder, silent).snapshot
    with Shop(folder, writer=False) as shop:
        first = shop.shelf.rollback(time.time())

    def beside(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
        with Shop(folder, writer=False) as shop:
            shop.shelf.promote(other, time.time())
        return model

    monkeypatch.setattr(nightly, "LEARN", beside)
    outcome = learn_now(folder, silent)
    assert (outcome.parent, outcome.serves) == (first, False)
    assert f"{other} took over" in outcome.reasons[0]


def test_a_rollback_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "LEARN", same)
    more(folder, 800)
    learn_now(folder, silent)
    with Shop(folder, writer=False) as shop:
        first = shop.shelf.rollback(time.time())
        assert Follower(folder, silent).look() is None
        assert shop.shelf.current() == first


class TestPeople:
    """Nobody is learned from who is erased or does not want it."""

    seen: list[Pass]

    @pytest.fixture(autouse=True)
    def watched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = []

        def learn(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
            self.seen.append(job)
            self.meanwhile()
            return model

        self.meanwhile: Callable[[], object] = lambda: None
        monkeypatch.setattr(nightly, "LEARN", learn)

    def counted(self) -> list[int]:
        """People with an event in what each pass was given."""
        return [int((job.known.histories.lengths() > 0).sum()) for job in self.seen]

    def test_an_opt_out_and_an_erasure_before(self, folder: Path) -> None:
        more(folder, 600)
        learn_now(folder, silent)
        with Shop(folder, writer=True) as shop:
            one, two = (shop.pseudonymizer.pseudonym(event.user_id) for event in people(2))
            shop.consent.set(one, Consent(profiling=False))
            shop.rights().erase(two, time.time())
            add(shop, events()[TRAINED + 600 : TRAINED + 601])
        # From the same champion, what was learned before is learned again without them.
        with Shop(folder, writer=False) as shop:
            shop.shelf.rollback(time.time())
        learn_now(folder, silent)
        assert self.counted()[1] == self.counted()[0] - 2

    def test_an_erasure_while_it_learns_throws_away_what_was_made(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        more(folder, 600)

        def erase() -> None:
            with Shop(folder, writer=True) as shop:
                shop.rights().erase(shop.pseudonymizer.pseudonym(people(1)[0].user_id), time.time())

        self.meanwhile = erase
        outcome = learn_now(folder, silent)
        assert "thrown away" in capsys.readouterr().err
        assert self.counted()[1] == self.counted()[0] - 1
        assert len(self.seen) == 2
        assert [*manifests(folder)][1:] == [outcome.snapshot], "the first was never written"
        check_chain(folder)

    @pytest.mark.parametrize("opted_out", [(False,), (True,), (True, False)])
    def test_a_guest_who_logs_in_while_it_learns_is_not_gone(
        self, folder: Path, capsys: pytest.CaptureFixture[str], opted_out: tuple[bool, ...]
    ) -> None:
        person_opted_out = any(opted_out)
        more(folder, 600)

        def log_in() -> None:
            with Shop(folder, writer=True) as shop:
                guest, other = (shop.pseudonymizer.pseudonym(event.user_id) for event in people(2))
                for out in opted_out:  # One after the other, on the same device.
                    person = Pseudonym("opted out before") if out else other
                    if not shop.guests.of_person(person):
                        shop.guests.join(guest, person, time.time())
                        time.sleep(0.002)

        with Shop(folder, writer=True) as shop:
            shop.consent.set(Pseudonym("opted out before"), Consent(profiling=False))
        self.meanwhile = log_in
        learn_now(folder, silent)
        assert ("thrown away" in capsys.readouterr().err) == person_opted_out
        assert self.counted()[1:] == ([self.counted()[0] - 1] if person_opted_out else [])


def people(count: int) -> list[Event]:
    """An event each of some who did something before the training and are in no window."""
    found = {event.user_id: event for event in reversed(events()[: TRAINED // 2])}
    late = {event.user_id for event in events()[TRAINED:]}
    return [event for user, event in sorted(found.items()) if user not in late][:count]


class TestKills:
    """A process that ends at any moment."""

    def test_cut_off_between_writing_and_promoting(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nightly, "LEARN", same)
        more(folder, 600)
        with monkeypatch.context() as patch:
            patch.setattr("penchant.learn.shelf.SnapshotShelf.promote", cut)
            with pytest.raises(KeyboardInterrupt):
                learn_now(folder, silent)
        made = [*manifests(folder)][-1]
        monkeypatch.setattr(nightly, "LEARN", lambda *_: pytest.fail("learned twice"))
        outcome = Follower(folder, silent).look()
        assert outcome is not None
        assert (outcome.snapshot, outcome.serves) == (made, True)
        assert check_chain(folder) == outcome.events

    def test_cut_off_while_writing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nightly, "LEARN", same)
        more(folder, 600)
        before = [*manifests(folder)]
        with monkeypatch.context() as patch:
            patch.setattr("penchant.model.snapshot.write_folder", half)
            with pytest.raises(KeyboardInterrupt):
                learn_now(folder, silent)
        assert [*manifests(folder)] == before
        assert learn_now(folder, silent).serves
        check_chain(folder)
        hidden = {path.name for path in (folder / "snapshots").glob(".*")}
        assert hidden <= {".lock"}, "what was half-made is cleared away"

    @pytest.mark.slow
    def test_killed_at_random_moments(self, folder: Path) -> None:
        chance, begin = random.Random(4), TRAINED + 600
        more(folder, 600)
        seconds = killing.undisturbed(folder)
        for stage in (*killing.STAGES, *reversed(killing.STAGES)):
            more(folder, 200, begin)
            begin += 200
            killing.killed_in(stage, folder, seconds, chance)
        more(folder, 300, begin)
        ended = run("learn", "--shop", folder, "--once", "--json", command=killing.COMMAND)
        assert ended.code == 0, ended.err
        assert len(manifests(folder)) >= 3
        assert check_chain(folder) > 300


def cut(*_: object) -> None:
    raise KeyboardInterrupt


def half(folder: Path, write: Callable[[Path], None]) -> None:
    """As far as a kill lets it come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penchant.model.folders.sync", cut)
        write_folder(folder, write)


class TestBesideAServer:
    """The process that a server starts."""

    def test_it_runs_and_ends_with_the_server(self) -> None:
        learner = ChildProcess(
            [sys.executable, "-c", "import time; time.sleep(60)"], replace(LEARNER, first=0.0)
        )
        assert learner.state == "off"
        learner.start()
        until(lambda: learner._process is not None)
        process = learner._process
        assert (learner.state, process.poll()) == ("running", None)
        learner.stop()
        assert process.poll() is not None
        assert learner.state == "off"

    def test_one_that_dies_is_told_and_started_again(self, tmp_path: Path) -> None:
        code = f"open({str(tmp_path / 'starts')!r}, 'a').write('.'); raise SystemExit(3)"
        learner = ChildProcess([sys.executable, "-c", code], replace(LEARNER, first=0.0))
        learner.start()
        until(lambda: learner.state == "failed")
        until(lambda: len((tmp_path / "starts").read_text()) >= 2)
        learner.stop()
        count = len((tmp_path / "starts").read_text())
        time.sleep(0.2)
        assert len((tmp_path / "starts").read_text()) == count

    def test_it_ends_when_its_server_is_no_more(self, folder: Path) -> None:
        process = start("learn", "--shop", folder, "--beside", 1)
        assert end(process, 60).code == 0

    def test_it_loads_no_torch_before_it_has_something_to_do(self, folder: Path) -> None:
        code = (
            "import sys\nfrom pathlib import Path\nfrom penchant.verbs import learn\n"
            "from penchant.app.learning import Follower, follow\nlooks = iter([True, False])\n"
            "follow(Follower(Path(sys.argv[1]), print), print, lambda: next(looks), lambda _: None)\n"
            "assert 'torch' not in sys.modules"
        )
        found = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
        assert (found.returncode, found.stderr) == (0, "")

    @pytest.mark.slow
    def test_a_server_has_one_at_low_priority(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = start("serve", "--shop", folder, "--port", port, command=WITHOUT_LANGUAGE_MODEL)
        try:
            url = f"http://127.0.0.1:{port}/readyz"
            until(lambda: answers(url) is not None)
            assert (answers(url) or {})["learner"] == "running"
            until(lambda: bool(learners(server.pid)))
            (learner,) = learners(server.pid)
            until(lambda: os.getpriority(os.PRIO_PROCESS, learner) >= 10)
            server.terminate()
            assert end(server).code == 0
            assert not Path(f"/proc/{learner}").exists()
        finally:
            server.kill()
            server.communicate()

    @pytest.mark.parametrize(
        ("switch", "settings", "state"),
        [([], "", "running"), (["--no-learn"], "", "off"), ([], "on = false\n", "off")],
    )
    def test_it_can_be_switched_off(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, switch: list[str], settings: str, state: str
    ) -> None:
        with (folder / "shop.toml").open("a", encoding="utf-8") as file:
            file.write(settings)  # [learn] is its last section
        found: list[str] = []

        def serve(app: object, door: object, ready: Callable[[], None], close: Callable[[], None]) -> None:
            ready()
            found.append(serving[0].readiness()["learner"])
            close()
            found.append(serving[0].learner())

        serving: list[Serving] = []
        monkeypatch.setattr("penchant.verbs.serve.run", serve)
        monkeypatch.setattr("penchant.verbs.serve.bound", lambda host, port: socket.socket())
        monkeypatch.setattr(
            "penchant.verbs.serve.create_app", lambda services, clock, within: serving.append(services)
        )
        assert cli.main(["serve", "--shop", str(folder), "--port", "1", *switch]) == 0
        assert found == [state, "off"]


def answers(url: str) -> dict[str, object] | None:
    try:
        return httpx.get(url).json()
    except httpx.TransportError:
        return None


def learners(server: int) -> list[int]:
    """Processes that this server started."""
    tasks = [path.read_text() for path in Path(f"/proc/{server}/task").glob("*/children")]
    return sorted({int(number) for text in tasks for number in text.split()})
