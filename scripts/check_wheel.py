"""Build the wheel, and see that every file of the package is in it: code, templates, pages, py.typed."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """0 where nothing is missing."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--quiet", "-w", folder]
        subprocess.run([*build, "--disable-pip-version-check"], check=True)  # noqa: S603
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as file:
            inside = set(file.namelist())
    listed = subprocess.run(
        ["git", "ls-files", "src/penchant"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    wanted = {name.removeprefix("src/") for name in listed}
    missing = sorted(wanted - inside)
    print(f"{wheel.name}: {len(wanted)} files" if not missing else f"not in the wheel: {missing}")
    return 1 if missing or "penchant/py.typed" not in inside else 0


if __name__ == "__main__":
    sys.exit(main())
