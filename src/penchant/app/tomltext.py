"""Changes to the text of ``shop.toml`` that leave its comments and everything else as they are."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from penchant.errors import SettingsError, StorageError
from penchant.model.folders import write_file
from penchant.settings import parse_settings

_HEAD = re.compile(r"^\s*\[")


def block(section: str, values: Mapping[str, object]) -> str:
    """A section of TOML.

    >>> print(block("train", {"lr": 0.002, "encoder": "lstm"}), end="")
    [train]
    lr = 0.002
    encoder = "lstm"
    """
    return f"[{section}]\n" + "".join(f"{name} = {_literal(value)}\n" for name, value in values.items())


def with_values(text: str, section: str, values: Mapping[str, object]) -> str:
    """The text with these values in a section: replaced where they stand, else added at its end.

    >>> print(with_values("[train]\\nlr = 0.1  # mine\\n[x]\\n", "train", {"lr": 0.2, "dim": 8}), end="")
    [train]
    lr = 0.2  # mine
    dim = 8
    [x]
    """
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(rf"^\s*\[\s*{section}\s*\]", line)]
    if not heads:
        return (text.rstrip("\n") + "\n\n" if text.strip() else "") + block(section, values)
    begin = heads[0] + 1
    end = next((n for n in range(begin, len(lines)) if _HEAD.match(lines[n])), len(lines))
    inside, rest = lines[begin:end], dict(values)
    for n, line in enumerate(inside):
        found = re.match(r"^(\s*)([\w-]+)(\s*=\s*)", line)
        if found and found[2] in rest:
            comment = re.search(r"\s+#[^\"']*$", line)
            inside[n] = found[0] + _literal(rest.pop(found[2])) + (comment[0] if comment else "")
    last = max((n for n, line in enumerate(inside) if line.strip()), default=-1) + 1
    inside[last:last] = [f"{name} = {_literal(value)}" for name, value in rest.items()]
    return "\n".join([*lines[:begin], *inside, *lines[end:]]) + "\n"


def write_values(path: Path, section: str, values: Mapping[str, object]) -> None:
    """Put these values into a section of the settings at ``path``, all at once or not at all.

    Raises:
        SettingsError: the text is written in a way that cannot be changed by itself; the block is in it.
        StorageError: the disk refused. In both cases nothing was changed.
    """
    text = path.read_text(encoding="utf-8")
    before = msgspec.to_builtins(parse_settings(text, path.name))
    before[section] |= values
    try:
        new = with_values(text, section, values)
        if msgspec.to_builtins(parse_settings(new, path.name)) != before:
            raise SettingsError("they do not read back")
    except SettingsError as error:
        raise SettingsError(
            f"{path.name} cannot be changed by itself ({error}); put into it:\n{block(section, values)}"
        ) from error
    try:
        write_file(path, new.encode())
    except OSError as error:
        raise StorageError(f"cannot write {path.name}: {error}; nothing was changed") from error


def _literal(value: object) -> str:
    # JSON's strings, numbers and booleans are TOML's.
    return msgspec.json.encode(value).decode("utf-8")
