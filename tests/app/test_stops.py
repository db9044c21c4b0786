"""Full disks, second writers, and signals at many moments: one clear line, and nothing lost."""

import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.app.commands import COMMAND, HEAD, WITHOUT_LANGUAGE_MODEL, Ended, content, copy_of, end, run, start

from penchant.app.shop import init_shop

ROWS = 60_000
Undisturbed = tuple[dict[str, list[tuple[object, ...]]], float]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three chunks of events (some bad, one refunded), and a feed."""
    folder = tmp_path_factory.mktemp("files")
    with (folder / "events.csv").open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for n in range(ROWS):
            price = "-1" if n % 20_011 == 7 else f"{n % 9}.50"
            kind = "refund" if n % 997 == 500 else "purchase"
            file.write(f"u{n % 503},i{n % 97},{kind},{1_700_000_000 + n // 3},{price}\n")
    items = "item_id,title\n" + "".join(f"i{n},Thing {n}\n" for n in range(120))
    (folder / "items.csv").write_text(items, "utf-8")
    return [folder / "events.csv", folder / "items.csv"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that every case copies, so that all have the same key."""
    folder = tmp_path_factory.mktemp("shops") / "empty"
    init_shop(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(empty: Path, files: list[Path]) -> Undisturbed:
    """What the import makes of it when nobody disturbs it, and how many seconds that takes."""
    folder = copy_of(empty, empty.with_name("undisturbed"))
    begun = time.monotonic()
    assert run("import", "--shop", folder, *files).code == 3
    took = time.monotonic() - begun
    found = content(folder)
    assert len(found["events"]) == ROWS - 3
    assert found["marked_events"]
    return found, took


@pytest.fixture
def shop(empty: Path, tmp_path: Path) -> Path:
    return copy_of(empty, tmp_path / "shop")


def begun(process: "subprocess.Popen[str]", words: str) -> str:
    """Read its messages until one holds ``words``."""
    said = ""
    assert process.stderr is not None
    while words not in said:
        line = process.stderr.readline()
        assert line, f"ended without {words!r}: {said}"
        said += line
    return said


def test_ctrl_c_at_many_moments_of_an_import_loses_nothing(
    shop: Path, files: list[Path], undisturbed: Undisturbed
) -> None:
    expected, took = undisturbed
    codes: list[int] = []
    for share in (0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85):
        process = start("import", "--shop", shop, *files)
        begun(process, "importing events.csv")
        time.sleep(share * took)
        process.send_signal(signal.SIGINT)
        ended = end(process)
        codes.append(ended.code)
        assert ended.code in {130, 3}
        assert ("stopped" in ended.line) == (ended.code == 130), ended.err
    assert codes[0] == 130
    assert run("import", "--shop", shop, *files).code == 3
    assert content(shop) == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_import_loses_nothing(
    shop: Path,
    files: list[Path],
    undisturbed: Undisturbed,
    number: signal.Signals,
) -> None:
    expected, took = undisturbed
    for share in (0.0, 0.2, 0.4, 0.6):
        process = start("import", "--shop", shop, *files)
        begun(process, "importing events.csv")
        time.sleep(share * took)
        process.send_signal(number)
        ended = end(process)
        assert ended.code in {-number, 3}
        assert "stopped" not in ended.line
    assert run("import", "--shop", shop, *files).code == 3
    assert content(shop) == expected


SLOW_LOADING = """
import sys, time
from importlib.abc import MetaPathFinder
from penchant.cli import main

class Slow(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "numpy":
            print("loading", file=sys.stderr, flush=True)
            try:
                time.sleep(60)
            except BaseException as error:
                raise ImportError("numpy: the C extension cannot be loaded") from error

sys.meta_path.insert(0, Slow())
sys.exit(main())
"""


def test_ctrl_c_while_libraries_load(shop: Path, files: list[Path]) -> None:
    process = start("import", "--shop", shop, *files, command=(sys.executable, "-c", SLOW_LOADING))
    begun(process, "loading")
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert ended.code == 130
    assert ended.line.startswith("penchant: stopped")
    assert ended.err.count("\n") == 1


def import_with_room_for(bytes_: int, shop: Path, files: list[Path]) -> Ended:
    """No file may grow beyond this: writing more fails as on a full disk."""
    return run(
        "import", "--shop", shop, *files,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_)),
    )  # fmt: skip


def test_a_disk_without_room_is_one_line_and_the_same_import_finishes_later(
    shop: Path, files: list[Path], undisturbed: Undisturbed
) -> None:
    taken: list[int] = []
    for room in (200_000, 2_000_000, 6_000_000):
        ended = import_with_room_for(room, shop, files)
        assert ended.code == 1
        assert "the shop's disk refused" in ended.line
        assert "then try again" in ended.line
        taken.append(len(content(shop)["events"]))
    assert taken == sorted(taken)
    assert taken[-1] < ROWS - 3
    assert run("import", "--shop", shop, *files).code == 3
    assert content(shop) == undisturbed[0]


def small_disks() -> bool:
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    found = shutil.which("unshare") is not None
    return found and subprocess.run(probe, check=False, capture_output=True).returncode == 0


FULL_THEN_LARGER = """
disk="$1" empty="$2" after="$3"; shift 3
mount -t tmpfs -o size=6m tmpfs "$disk" && cp -r "$empty" "$disk/shop" || exit 90
"$@"; full=$?
mount -o remount,size=200m "$disk" || exit 91
"$@"; larger=$?
cp -r "$disk/shop" "$after" || exit 92
echo "ended with $full and $larger"
"""


@pytest.mark.skipif(not small_disks(), reason="no small disk can be mounted here (unshare, tmpfs)")
def test_a_full_disk_is_one_line_and_the_same_import_finishes_later(
    empty: Path, files: list[Path], tmp_path: Path, undisturbed: Undisturbed
) -> None:
    """A real disk of 6 MB: full in the first import, given room before the second."""
    disk, after = tmp_path / "disk", tmp_path / "after"
    disk.mkdir()
    again = [*COMMAND, "import", "--shop", disk / "shop", *files]
    apart = ("unshare", "--user", "--map-root-user", "--mount")
    ended = run("sh", "-c", FULL_THEN_LARGER, "sh", disk, empty, after, *again, command=apart)
    assert ended.out.splitlines()[-1] == "ended with 1 and 3", ended
    first, second = (line for line in ended.err.splitlines() if line.startswith("penchant: "))
    assert "the shop's disk refused: database or disk is full" in first
    assert "were refused and wait in the dead letters" in second
    assert "Traceback" not in ended.err
    assert content(after) == undisturbed[0]


def test_a_second_writer_is_refused_in_one_line_and_let_in_afterwards(
    shop: Path, files: list[Path], undisturbed: Undisturbed
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start("serve", "--shop", shop, "--port", port, command=WITHOUT_LANGUAGE_MODEL)
    begun(server, "serving")
    ended = run("import", "--shop", shop, *files)
    assert ended.code == 1
    assert f"in use by another writer (process {server.pid})" in ended.line
    server.send_signal(signal.SIGINT)
    assert end(server).code == 0
    first = start("import", "--shop", shop, *files)
    begun(first, "importing events.csv")
    second = run("import", "--shop", shop, *files)
    assert (second.code, f"process {first.pid}" in second.line) == (1, True)
    assert end(first).code == 3
    assert content(shop) == undisturbed[0]
