"""A shop taken to one file while it serves, and back: what is whole, what is refused, who stays erased."""

import io
import json
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient
from tests.serve.shops import behind_the_door, make_twice, train

from penchant import cli
from penchant.adapters.sqlite.copies import copy_of
from penchant.app import archive
from penchant.app.archive import CONTENTS, opened
from penchant.app.backup import Restored, back_up, restore
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.errors import InvalidInput, ShopError, StorageError
from penchant.privacy.pseudonyms import make_key
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Pseudonym

DAY = 86_400.0


def silent(what: str, share: float) -> None:
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_twice(tmp_path_factory.mktemp("shops") / "made")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "shop"))


@pytest.fixture(scope="module")
def backup(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backups") / "backup.tar"
    with Shop(made, writer=False) as shop:
        back_up(shop, path)
    return path


def brought_back(path: Path, folder: Path, until: float | None = None) -> Restored:
    return restore(path, folder, until=until, clock=lambda: 2e9, tell=silent)


def held(folder: Path) -> tuple[list[object], object, list[str]]:
    """All events, a list for anna, and who serves what."""
    with Shop(folder, writer=False, encoder=FakeTextEncoder()) as shop:
        events = [msgspec.to_builtins(one) for one in shop.log.follow(0, 10_000)]
        promoted = [one.name for one in shop.shelf.history()]
    _, serving = behind_the_door(folder)
    try:
        shown = serving.recommend_each([ListWanted("anna", 5)])[0]
    finally:
        serving.close()
    return events, [(one.item_id, round(one.score, 4)) for one in shown.items], promoted


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[TestClient, Serving]]:
    client, serving = behind_the_door(folder)
    yield client, serving
    serving.close()


def test_what_comes_back_is_what_was_there(folder: Path, tmp_path: Path) -> None:
    before = held(folder)
    with Shop(folder, writer=False) as shop:
        made = back_up(shop, tmp_path / "b.tar")
    assert (made.events, made.snapshot) == (len(before[0]), before[2][-1])
    found = brought_back(tmp_path / "b.tar", tmp_path / "new")
    assert (found.events, found.snapshot, found.erased, found.cut) == (made.events, made.snapshot, 0, 0)
    assert held(tmp_path / "new") == before
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "secret.key").stat().st_mode) == 0o600


def test_it_is_taken_while_the_shop_serves(
    folder: Path, served: tuple[TestClient, Serving], tmp_path: Path
) -> None:
    client, serving = served
    with Shop(folder, writer=False) as shop:
        first = back_up(shop, tmp_path / "first.tar")
        event = {"user_id": "new", "item_id": "tea", "type": "view", "timestamp": 1_767_225_600}
        assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
        second = back_up(shop, tmp_path / "second.tar")
    assert second.events == first.events + 1
    assert client.get("/v1/users/new/recommendations").status_code == 200
    found = brought_back(tmp_path / "second.tar", tmp_path / "new")
    assert found.events == second.events
    with Shop(tmp_path / "new", writer=True) as shop:
        person = serving.shop.pseudonymizer.pseudonym("new")
        assert [one.event.item_id for one in shop.log.of_user(person)] == ["tea"]
        assert shop.keys.verify(client.headers["authorization"].removeprefix("Bearer "))


def test_who_was_erased_since_stays_erased_where_the_ledger_is(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.tar"
    with Shop(folder, writer=True) as shop:
        back_up(shop, path)
        anna, ben = shop.pseudonymizer.pseudonyms(["anna", "ben"])
        shop.rights().erase(anna, shop.clock())
    (tmp_path / "with").mkdir()
    shutil.copy2(folder / "erased.ledger", tmp_path / "with" / "erased.ledger")
    found = brought_back(path, tmp_path / "with")
    assert (found.erased, found.ledger) == (1, True)
    with Shop(tmp_path / "with", writer=False) as shop:
        assert not shop.log.of_user(anna)
        assert shop.log.of_user(ben)
    assert anna.encode() not in (tmp_path / "with" / "shop.db").read_bytes()
    assert not brought_back(path, tmp_path / "without").ledger


def test_who_was_erased_before_and_came_again_keeps_what_is_new(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        anna = shop.pseudonymizer.pseudonym("anna")
        shop.rights().erase(anna, shop.clock())
        later = {"user_id": "anna", "item_id": "tea", "type": "view", "timestamp": shop.clock() + 60}
        assert shop.intake().accept([later]).accepted == 1
        shop.clock = lambda: later["timestamp"] + 60
        back_up(shop, tmp_path / "b.tar")
    (tmp_path / "new").mkdir()
    shutil.copy2(folder / "erased.ledger", tmp_path / "new")
    assert brought_back(tmp_path / "b.tar", tmp_path / "new").erased == 0
    with Shop(tmp_path / "new", writer=False) as shop:
        assert len(shop.log.of_user(anna)) == 1


def test_a_moment_of_the_past(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=False) as shop:
        back_up(shop, tmp_path / "b.tar")
        times = sorted(one.event.timestamp for one in shop.log.follow(0, 10_000))
        first, second = shop.shelf.history()
    middle = times[len(times) // 2]
    found = brought_back(tmp_path / "b.tar", tmp_path / "past", until=middle)
    kept = [time for time in times if time <= middle]
    assert (found.events, found.cut, found.snapshot) == (len(kept), len(times) - len(kept), "")
    with Shop(tmp_path / "past", writer=False) as shop:
        assert max(one.event.timestamp for one in shop.log.follow(0, 10_000)) == middle
    between = (first.time + second.time) / 2
    assert brought_back(tmp_path / "b.tar", tmp_path / "first", until=between).snapshot == first.name


def test_a_damaged_backup_makes_no_shop(backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    with opened(backup) as (contents, _):
        sizes = {name: size for name, (_, size) in contents.parts.items()}
    assert sizes["shop.db"] > 4_096
    wrong = [whole[: len(whole) * part // 10] for part in range(10)]
    wrong += [flipped(whole, place) for place in range(600, len(whole) - 20_000, len(whole) // 40)]
    refused = 0
    for number, content in enumerate(wrong):
        (tmp_path / "bad.tar").write_bytes(content)
        target = tmp_path / f"new {number}"
        try:
            brought_back(tmp_path / "bad.tar", target)
        except (InvalidInput, ShopError):
            refused += 1
            assert not target.exists() or not list(target.iterdir())
        else:
            # Between two parts a tar file has bytes that mean nothing.
            assert held(target) == held_by(whole, tmp_path / f"whole {number}")
    assert refused >= len(wrong) - 3


def flipped(whole: bytes, place: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]


def held_by(whole: bytes, folder: Path) -> object:
    path = folder.with_suffix(".tar")
    path.write_bytes(whole)
    brought_back(path, folder)
    return held(folder)


def packed(path: Path, names: list[str], contents: dict[str, object]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"bad"))
        raw = json.dumps(contents).encode()
        info = tarfile.TarInfo(CONTENTS)
        info.size = len(raw)
        tar.addfile(info, io.BytesIO(raw))
    return path


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/outside", "snapshots/../../outside", "shop.db/../x", "snapshots/a/weights"]
)
def test_a_part_can_only_be_where_parts_are(name: str, tmp_path: Path) -> None:
    said = {"format": 1, "time": 0.0, "events": 0, "log_position": 0, "parts": {name: ["0" * 64, 3]}}
    path = packed(tmp_path / "bad.tar", [name], said)
    with pytest.raises(InvalidInput, match="no backup of Penchant: a part is called"):
        brought_back(path, tmp_path / "in" / "new")
    assert not list((tmp_path / "in").rglob("outside"))


def test_a_part_that_is_missing_and_one_that_is_longer_than_it_says_are_refused(tmp_path: Path) -> None:
    said = {"format": 1, "time": 0.0, "events": 0, "log_position": 0, "parts": {"shop.db": ["0" * 64, 2]}}
    with pytest.raises(InvalidInput, match=r"it lacks shop\.db"):
        brought_back(packed(tmp_path / "a.tar", [], said), tmp_path / "new")
    with pytest.raises(InvalidInput, match="damaged"):
        brought_back(packed(tmp_path / "b.tar", ["shop.db"], said), tmp_path / "new")


def test_a_link_is_no_part(tmp_path: Path) -> None:
    path = tmp_path / "bad.tar"
    said = {"format": 1, "time": 0.0, "events": 0, "log_position": 0, "parts": {"shop.db": ["0" * 64, 3]}}
    packed(path, [], said)
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo("shop.db")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(InvalidInput, match="is not a file"):
        brought_back(path, tmp_path / "new")


def test_a_newer_one_and_no_archive_at_all_are_one_line(tmp_path: Path) -> None:
    said = {"format": 99, "time": 0.0, "events": 0, "log_position": 0}
    with pytest.raises(InvalidInput, match="format 99, readable is up to 1"):
        brought_back(packed(tmp_path / "a.tar", [], said), tmp_path / "new")
    (tmp_path / "b.tar").write_text("hello")
    with pytest.raises(InvalidInput, match="no whole backup"):
        brought_back(tmp_path / "b.tar", tmp_path / "new")
    with pytest.raises(InvalidInput, match="there is no backup at"):
        brought_back(tmp_path / "c.tar", tmp_path / "new")


def test_the_key_may_be_kept_elsewhere_and_must_be_the_right_one(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.tar"
    with Shop(folder, writer=False) as shop:
        assert "secret.key" not in back_up(shop, path, with_key=False).parts
        back_up(shop, tmp_path / "with.tar")
    with pytest.raises(InvalidInput, match=r"made without its key: put secret\.key into"):
        brought_back(path, tmp_path / "none")
    (tmp_path / "right").mkdir()
    shutil.copy2(folder / "secret.key", tmp_path / "right")
    brought_back(path, tmp_path / "right")
    assert held(tmp_path / "right") == held(folder)
    (tmp_path / "wrong").mkdir()
    make_key(tmp_path / "wrong" / "secret.key")
    for backup in (path, tmp_path / "with.tar"):
        with pytest.raises(InvalidInput, match="is not the key of this backup"):
            brought_back(backup, tmp_path / "wrong")
    assert [one.name for one in (tmp_path / "wrong").iterdir()] == ["secret.key"]


def test_nothing_is_written_over(folder: Path, backup: Path, tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="holds a shop already"):
        brought_back(backup, folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(InvalidInput, match=r"not empty: it holds 'letter\.txt'"):
        brought_back(backup, tmp_path / "full")
    before = backup.read_bytes()
    with Shop(folder, writer=False) as shop, pytest.raises(InvalidInput, match="is there already"):
        back_up(shop, backup)
    assert backup.read_bytes() == before


def test_what_the_disk_changed_is_found_before_the_backup_has_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive._add

    def changed(tar: tarfile.TarFile, name: str, source: Path) -> tuple[str, int]:
        digest, size = real(tar, name, source)
        return ("0" * 64 if name == "shop.db" else digest), size

    monkeypatch.setattr(archive, "_add", changed)
    (tmp_path / "disk").mkdir()
    with Shop(folder, writer=False) as shop, pytest.raises(InvalidInput, match=r"shop\.db is not what was"):
        back_up(shop, tmp_path / "disk" / "b.tar")
    assert not list((tmp_path / "disk").iterdir())


def test_a_disk_without_links_has_backups_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", unknown)
    with Shop(folder, writer=False) as shop:
        back_up(shop, tmp_path / "b.tar")
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    assert brought_back(tmp_path / "b.tar", tmp_path / "new").snapshot


def test_a_name_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar").symlink_to(tmp_path / "elsewhere")
    with Shop(folder, writer=False) as shop, pytest.raises(InvalidInput, match="is there already"):
        back_up(shop, tmp_path / "b.tar")
    assert not (tmp_path / "elsewhere").exists()


def test_snapshots_that_serve_or_are_pinned_come_along_and_only_they_are_in_the_history(
    folder: Path, tmp_path: Path
) -> None:
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        train(shop)
        train(shop)
        names = [one.name for one in shop.shelf.history()]
        before = shop.shelf.history()[1].time
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write(f'[experiment.arms.frozen]\nshare = 0.5\nsnapshot = "{names[0]}"\n')
    with Shop(folder, writer=False) as shop:
        back_up(shop, tmp_path / "b.tar")
    assert brought_back(tmp_path / "b.tar", tmp_path / "new").snapshot == names[3]
    with Shop(tmp_path / "new", writer=False) as shop:
        assert shop.shelf.names() == [names[0], *names[2:]]
    found = brought_back(tmp_path / "b.tar", tmp_path / "past", until=before)
    assert found.snapshot == names[0], "the second one is in no backup any more"


def test_a_promotion_in_the_middle_belongs_to_the_next_backup(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(source: Path, target: Path) -> None:
        if target.name == "shop.db":
            with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
                train(shop)
        copy_of(source, target)

    monkeypatch.setattr("penchant.app.backup.copy_of", meanwhile)
    with Shop(folder, writer=False) as shop:
        serves = shop.shelf.current()
        assert back_up(shop, tmp_path / "b.tar").snapshot == serves
    assert brought_back(tmp_path / "b.tar", tmp_path / "new").snapshot == serves


def test_sigterm_leaves_no_copy_behind(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    code = (
        "import os, signal, sys\nfrom penchant import cli\nfrom penchant.app import archive\n"
        "archive._add = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "backup", str(tmp_path / "disk" / "b.tar"), "--shop", str(folder)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 130
    assert not list((tmp_path / "disk").iterdir())


def test_a_full_disk_leaves_no_half_backup(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tar: tarfile.TarFile, name: str, source: Path) -> tuple[str, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_add", full)
    (tmp_path / "disk").mkdir()
    with Shop(folder, writer=False) as shop, pytest.raises(StorageError, match="No space left"):
        back_up(shop, tmp_path / "disk" / "b.tar")
    assert not list((tmp_path / "disk").iterdir())


def test_the_verbs(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, new = str(tmp_path / "b.tar"), str(tmp_path / "new")
    assert cli.main(["backup", path, "--json", "--shop", str(folder)]) == 0
    made = json.loads(capsys.readouterr().out)
    assert cli.main(["restore", path, "--json", "--shop", new, "--until", "2026-01-10T00:00:00Z"]) == 0
    out, told = capsys.readouterr()
    found = json.loads(out)
    assert found["events"] + found["cut"] == made["events"]
    assert found["cut"] > 0
    assert "no erased.ledger is in this folder" in told
    assert cli.main(["restore", path, "--shop", new]) == 1
    assert "holds a shop already" in capsys.readouterr().err
    assert cli.main(["restore", path, "--shop", new + "er", "--until", "soon"]) == 1
    assert "--until 'soon'" in capsys.readouterr().err
    assert Pseudonym(made["snapshot"])
