"""Gives the objects of a pack, by git's own plumbing: an empty repository is made around it, and asked."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nbkeep.scanning.history import git_command, git_environment

from .pktline import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

MOST_OBJECTS = 200_000
MOST_BYTES = 1 << 30
"""Of all objects, unpacked."""
_LINK, _FOLDER = 0o160000, 0o040000
_KINDS = {0o100644: "", 0o100664: "", 0o100755: "executable", 0o120000: "link"}
_GIT_S = 100
_ID_BYTES = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a tree: `name` as it stands there; `is_folder`, or a file (a link to one is a file).

    `kind`: what more a reader should know of a file, "" for an ordinary one.
    """

    name: bytes
    sha: str
    is_folder: bool
    kind: str = ""


class Objects:
    """The objects of one pack. Not for several threads."""

    def __init__(self, pack: Path, at: int | None, folder: Path) -> None:
        """Unpack what begins at a place of a file into a new folder. Raises `UnreadableError`."""
        self._repository = folder
        _git(folder, "init", "--quiet", "--bare", "--template=", str(folder))
        if at is not None:
            with pack.open("rb") as source:
                source.seek(at)
                # Of a file it also says when something stands behind the pack.
                _git(
                    folder, "-c", "pack.threads=1", "-c", "core.bigFileThreshold=16m", "index-pack",
                    "--stdin", f"--max-input-size={MOST_BYTES}", stdin=source.fileno(),
                )  # fmt: skip
        self.kinds: dict[str, tuple[str, int]] = {}
        form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
        for line in _git(folder, "cat-file", "--batch-all-objects", form).decode("ascii").splitlines():
            sha, kind, size = line.split(" ")
            self.kinds[sha] = kind, int(size)
        if len(self.kinds) > MOST_OBJECTS:
            raise UnreadableError(f"it has more than {MOST_OBJECTS:,} objects")
        if sum(size for _, size in self.kinds.values()) > MOST_BYTES:
            raise UnreadableError(f"unpacked it has more than {MOST_BYTES >> 20} MiB")
        self._asked = subprocess.Popen(
            git_command(folder, "cat-file", "--batch"), env=git_environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.kill()
        with self._asked:  # closes its pipes, and waits for it
            pass

    def of_kind(self, kind: str) -> list[str]:
        """Return the ids of all objects of a kind: "blob", "tree", "commit" or "tag"."""
        return [sha for sha, (found, _) in self.kinds.items() if found == kind]

    def read(self, sha: str) -> bytes:
        """Return what an object holds. Raises `UnreadableError`."""
        asked, said = self._asked.stdin, self._asked.stdout
        if asked is None or said is None:
            raise RuntimeError("pipes were asked for")
        asked.write(f"{sha}\n".encode())
        asked.flush()
        head = said.readline().split()
        if len(head) != 3:
            raise UnreadableError(f"git cannot give out {sha[:12]}")
        data = said.read(int(head[2]))
        said.read(1)
        return data

    def entries(self, tree: str) -> list[Entry]:
        """Return the lines of a tree; links to other repositories are none. Raises `UnreadableError`."""
        data, at, found = self.read(tree), 0, list[Entry]()
        while at < len(data):
            blank, zero = data.find(b" ", at), data.find(b"\0", at)
            if not at < blank < zero or zero + _ID_BYTES >= len(data) + 1:
                raise UnreadableError("it has a folder that git would not write")
            try:
                mode = int(data[at:blank], 8)
            except ValueError as error:
                raise UnreadableError("it has a folder that git would not write") from error
            name, at = data[blank + 1 : zero], zero + 1 + _ID_BYTES
            # Also a link's name leaves.
            sha = "" if mode == _LINK else data[zero + 1 : at].hex()
            found.append(Entry(name, sha, mode == _FOLDER, _KINDS.get(mode, f"mode {mode:o}")))
        return found


def _git(folder: Path, *args: str, stdin: int = subprocess.DEVNULL) -> bytes:
    # Their own words are in none of ours: they may hold what was pushed.
    try:
        done = subprocess.run(
            git_command(folder, *args), env=git_environment(), stdin=stdin, capture_output=True, check=False,
            timeout=_GIT_S,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UnreadableError("git is not installed on the platform") from error
    except subprocess.TimeoutExpired as error:
        raise UnreadableError(f"it was not unpacked within {_GIT_S} s") from error
    if done.returncode:
        raise UnreadableError(_why(done.stderr))
    return done.stdout


def _why(said: bytes) -> str:
    for word, why in (
        (b"unresolved delta", "its pack is thin: it builds on objects that are not in it"),
        (b"junk at the end", "something stands behind its pack"),
        (b"exceeds maximum", f"its pack has more than {MOST_BYTES >> 20} MiB"),
    ):
        if word in said:
            return why
    return "git cannot unpack it: it is damaged, or far too large"
