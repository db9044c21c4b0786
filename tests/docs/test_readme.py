"""Every command of the README runs, in a folder of its own; what it points to is there."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PORT = "8000"


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


def start(line: str, folder: Path) -> "subprocess.Popen[str]":
    name, *words = line.partition(" > ")[0].split()
    assert name == "penchant"
    return subprocess.Popen(
        [sys.executable, "-m", "penchant.cli", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: "subprocess.Popen[str]", line: str, folder: Path) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, f"{line}\n{err}"
    if file := line.partition(" > ")[2]:
        (folder / file).write_text(out, encoding="utf-8")
    return out


def free_port() -> str:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return str(door.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def serve_until_ready(line: str, folder: Path) -> None:
    port = free_port()
    process = start(line.replace(f"--port {PORT}", f"--port {port}"), folder)
    try:
        until = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{port}/readyz"):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "not ready in time"
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        end(process, line, folder)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    said: dict[str, str] = {}
    for line in commands():
        if line.startswith("penchant serve"):
            serve_until_ready(line, tmp_path)
            said["serve"] = ""
        else:
            said[line.split()[1]] = end(start(line, tmp_path), line, tmp_path)
    assert set(said) >= {"serve", "export-dead-letters", "erase-user", "keys"}
    assert "Espresso beans" in said["recommend"] + said["taste"]
    assert "recurrent" in said["evaluate"]


def test_every_command_that_the_readme_names_is_run() -> None:
    named = set(re.findall(r"`penchant ([a-z-]+)", README))
    assert named <= {line.split()[1] for line in commands()}


def test_every_path_that_the_readme_names_exists() -> None:
    links = {link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in link}
    paths = set(re.findall(r"(?<![\w/.-])(?:bench|docs|examples|src|tests)/[\w./-]*\w", README))
    assert {"bench", "docs", "examples"} <= {path.split("/")[0] for path in links | paths}
    assert not {path for path in links | paths if not (ROOT / path).exists()}


def test_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", README)) - {"help"}:
        assert f"\n{target}: " in makefile, target
