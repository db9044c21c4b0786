"""Every command of the README runs, in a folder of its own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)[0].strip().splitlines()


@pytest.mark.slow
def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    said = ""
    for line in commands():
        words = line.split()
        assert words[0] == "penchant"
        done = subprocess.run(
            [sys.executable, "-m", "penchant.cli", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        said += done.stdout
    assert "Espresso beans" in said
    assert "recurrent" in said


def test_targets_that_the_readme_names_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", text)) - {"help"}:
        assert f"\n{target}: " in makefile, target
