"""What tools left behind in a home, with values that its owner took out of their files: found, and deleted.

By processes of their own with the rights of the home's owner. What lies there was written by anybody: the one
that looks is in a jail, without network, and sees the home, to read, and programs; the one that deletes reads
nothing.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from nbkeep.backends.interface import LeftFile, LeftFiles, LeftValue
from nbkeep.model.errors import Unavailable, not_found
from nbkeep.rendering import jail
from nbkeep.rendering.job import read_out
from nbkeep.scanning import detect, files
from nbkeep.scanning.leftovers import kind_of, leftovers
from nbkeep.scanning.scan import Look, examine
from nbkeep.scanning.values import Limits, NotRead, Place, Result

from .listing import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.scanning.leftovers import Leftover
    from nbkeep.scanning.values import Finding

    from .homes import Homes

LOOK_S = 40.0
_TIME_LIMIT_S = LOOK_S + 30
_MEMORY_BYTES, _FILE_BYTES, _ANSWER_BYTES = 2 << 30, 64 << 20, 16 << 20
_LARGEST_BYTES = 64 << 20  # of a file that is looked at here
_MOST_FILES, _MOST_VALUES, _MOST_UNREAD = 500, 20, 50
_MODULE = "nbkeep.backends.local.leavings"
_ANSWER = "answer.json"
# What is fetched, not written, and fetched again: looking at it would take all the time.
_FETCHED = (
    "site-packages", "node_modules", ".conda", ".npm", ".cache/pip", ".cache/uv", ".cache/huggingface",
    ".cache/torch", ".local/share/jupyter/runtime",
)  # fmt: skip


def find_leftovers(homes: Homes, user: str, rules: str) -> LeftFiles:
    """Return what is left behind. Raises `Refused` (404) for no home, `Unavailable` for one not looked at."""
    home = _home(homes, user)
    owner = home.stat().st_uid
    with tempfile.TemporaryDirectory(prefix="nbkeep-look-") as folder:
        out = Path(folder) / "out"
        out.mkdir()
        held = Path(folder) / "rules.toml"
        held.write_text(rules, encoding="utf-8", newline="")
        ended = jail.run(
            _MODULE, [str(owner)], home, out, said=b"", timeout_s=_TIME_LIMIT_S, rules=held, owner=owner
        )
        if ended.problem or ended.status != 0:
            raise _failed()
        try:
            return TypeAdapter(LeftFiles).validate_json(read_out(out / _ANSWER, _ANSWER_BYTES))
        except (OSError, ValueError) as error:
            raise _failed() from error


def delete_leftovers(homes: Homes, user: str, versions: Mapping[str, str]) -> dict[str, str]:
    """Delete leftovers that are as they were when they were looked at; return {key: why not}."""
    home = _home(homes, user)
    command = [sys.executable, "-I", "-m", _MODULE, str(home), str(home.stat().st_uid)]
    try:
        done = subprocess.run(
            command, input=json.dumps(dict(versions)).encode(), capture_output=True, check=True,
            timeout=_TIME_LIMIT_S, cwd="/",
        )  # fmt: skip
        return TypeAdapter(dict[str, str]).validate_json(done.stdout)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ValueError) as error:
        raise _failed() from error


def _home(homes: Homes, user: str) -> Path:
    home = homes.layout.home(user)
    if not home.is_dir():
        raise not_found("volume", user)
    return home


def _failed() -> Unavailable:
    return Unavailable("look-failed", "The home could not be looked through.", "Try again later.")


# The processes


def main(arguments: list[str]) -> None:
    """In the jail, with OWNER HOME OUT: look through a home. Else, with HOME OWNER: delete in one."""
    if len(arguments) == 3:
        owner, home, out = arguments
        rules = Path(jail.RULES).read_text(encoding="utf-8")
        with (Path(out) / _ANSWER).open("wb") as answer:  # whose folder it is may write there, its reader not
            _become(int(owner))
            os.chdir(home)
            os.nice(19)
            _bound()
            answer.write(TypeAdapter(LeftFiles).dump_json(_looked(rules)))
        return
    home, owner = arguments
    asked: dict[str, str] = json.load(sys.stdin)
    os.chdir(home)  # while it may: the folders above are root's
    _become(int(owner))
    print(json.dumps({key: why for key, version in asked.items() if (why := _deleted(key, version))}))


def _become(owner: int) -> None:
    if os.geteuid() == 0 and owner != 0:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)


def _bound() -> None:
    limits = (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CPU, int(_TIME_LIMIT_S)),
        (resource.RLIMIT_CORE, 0),
    )
    for which, most in limits:
        hard = resource.getrlimit(which)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (least, least))


def _looked(rules: str) -> LeftFiles:
    until_s = time.monotonic() + LOOK_S
    look = Look(detect.with_text(rules), Limits(file_bytes=_LARGEST_BYTES, ocr_s=0))
    entries = {one.name: one for one in files.listed([Path()], _FETCHED).entries}
    names = frozenset(entries)
    result, versions, is_whole = Result(), dict[str, str](), True
    # First what may have been left behind: where time is too short for all, that is told at least.
    for name in sorted(names, key=lambda one: (kind_of(one, names) is None, one)):
        if time.monotonic() > until_s:
            is_whole = False
            break
        versions[name] = _version(name)
        data = files.read_whole(entries[name], _LARGEST_BYTES)
        if isinstance(data, str):
            result.add(Result([], [NotRead(name, Place(), data)], 1))
        else:
            result.add(examine(data, name, look))
    found = leftovers(names, result.findings)
    return LeftFiles(
        [left_file(one, versions[one.path], is_whole=is_whole) for one in found[:_MOST_FILES]],
        result.files,
        [f"{_words(one.path)} {one.reason}" for one in result.not_read if not one.partly][:_MOST_UNREAD],
        is_whole,
    )


def left_file(one: Leftover, version: str, *, is_whole: bool) -> LeftFile:
    """Return a leftover as it is told. `is_whole`: all of the home was looked through."""
    values = [_value(each, is_removed=True) for each in one.removed]
    values += [_value(each, is_removed=False) for each in one.present]
    # What was not looked at may have the value still; then it is not only left behind.
    may_go = is_whole and one.may_go
    return LeftFile(os.fsencode(one.path).hex(), _words(one.path), one.kind, _words(one.of), version, may_go,
                    values[:_MOST_VALUES], len(values))  # fmt: skip


def _value(one: Finding, *, is_removed: bool) -> LeftValue:
    return LeftValue(
        one.rule, one.kind, one.title, one.severity, _words(one.masked), one.place.cell, one.line, is_removed
    )


def _words(text: str) -> str:
    return shown(os.fsencode(text))


def _version(name: str) -> str:
    """Return what is another one once a file was written to; "" for a file that is not there."""
    try:
        info = Path(name).lstat()
    except OSError:
        return ""
    return f"{info.st_ino}-{info.st_size}-{info.st_ctime_ns}"


class _There(frozenset[str]):
    """The files that are in the home, asked one by one."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and os.path.lexists(name)


def _deleted(key: str, version: str) -> str:
    """Delete one leftover; return why not, or "". Twice is safe."""
    try:
        name = os.fsdecode(bytes.fromhex(key))
    except ValueError:
        return "it has no such name"
    is_outside = name.startswith("/") or ".." in name.split("/") or "\0" in name
    if is_outside or not name or kind_of(name, _There()) is None:
        return "it is nothing that a tool left behind"
    now = _version(name)
    if not now:
        return ""
    if now != version:
        return "it was changed since it was looked at"
    return files.remove(files.Entry(".", name, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
