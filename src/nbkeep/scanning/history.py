"""Every file that git has ever kept, read once: no checkout, and nothing that the repository asks for is run.

A repository is a stranger's program: its configuration names pagers, filters, hooks, monitors, diff tools and
remotes that git would start. So only plumbing is used, which knows none of most of them; the others are
switched off, and no protocol is allowed by which a missing object could be fetched.
"""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nbkeep.model.errors import Refused, invalid

from . import files

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from .values import Limits

_SWITCHED_OFF = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.sshCommand=false",
    "core.askPass=false", "core.attributesFile=/dev/null", "core.commitGraph=false",
    "credential.helper=", "protocol.allow=never", "diff.external=", "log.showSignature=false", "gc.auto=0",
    "maintenance.auto=false",
)  # fmt: skip
_LINK = "160000"  # a commit of another repository: no file of this one
# A few trees that name each other many times are a small repository with more files than anybody can count.
MOST_CHANGES = 5_000_000
_LONGEST_NAME = 2**20
_PIECE = 2**20
_LONGEST_S = 900  # for one answer of git
_INSTALL = "Install git, or leave out --history."
# Nothing that is asked here reads them, and people put links and sockets there.
_NEVER_READ = frozenset({"hooks", "fsmonitor--daemon.ipc"})
_NAMELESS = "(a file that no commit has any more)"


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that git keeps. `path`: where it first appeared; `order`: of that commit, from 0."""

    sha: str
    kind: str
    size: int
    path: str
    commit: str
    order: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What a repository keeps: what to read, and what is too large for it.

    `cut`: it has more changes than are looked through, so what appeared late has no path and no commit.
    """

    wanted: list[Kept]
    large: list[Kept]
    cut: bool


def repository_of(path: Path) -> Path | None:
    """Return the folder of git's own files that a folder's history lies in, or None."""
    for folder in (path, *path.absolute().parents):
        if (folder / ".git").exists():
            return folder / ".git"
        if files.is_bare(folder):
            return folder
    return None


def _refuse_traps(repository: Path) -> None:
    """Raise where git would read outside of the repository, or wait for ever: a link, a pipe, a device."""
    wrong = repository if repository.is_symlink() or not repository.is_dir() else None
    for folder, folders, names in os.walk(repository):
        read = {*folders, *names} - (_NEVER_READ if folder == str(repository) else set())
        folders[:] = [name for name in folders if name in read]
        for one in (Path(folder, name) for name in read):
            mode = one.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                wrong = one
    for name in ("commondir", "objects/info/alternates"):
        if (repository / name).exists():
            wrong = repository / name
    if wrong is not None:
        raise invalid("repository", f"{wrong} leads out of the repository, or is no file.",
                      "Name the repository that it leads to, or leave out --history.")  # fmt: skip


def kept(repository: Path, limits: Limits) -> Listed:
    """Return all files and messages that the repository keeps, each once.

    Raises Refused where git cannot read the repository, or is not installed.
    """
    _refuse_traps(repository)
    first, orders, cut = _first_appearances(repository)
    found: list[Kept] = []
    large: list[Kept] = []
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
    for line in _run(repository, "cat-file", "--batch-all-objects", "--unordered", form).splitlines():
        sha, kind, size = line.decode("ascii", "replace").split(" ")
        if kind == "blob":
            commit, path, order = first.get(sha, ("", _NAMELESS, len(orders)))
            one = Kept(sha, kind, int(size), path, commit, order)
        elif kind in {"commit", "tag"}:
            one = Kept(
                sha, kind, int(size), f"(message of {kind} {sha[:12]})", sha, orders.get(sha, len(orders))
            )
        else:
            continue
        (large if one.size > limits.file_bytes else found).append(one)
    return Listed(found, large, cut)


def _first_appearances(
    repository: Path,
) -> tuple[dict[str, tuple[str, str, int]], dict[str, int], bool]:
    """Return commit, path and order of each file's first appearance, the order of all commits, and `cut`."""
    commits = _run(repository, "rev-list", "--all", "--topo-order", "--reverse")
    orders = {sha.decode("ascii", "replace"): at for at, sha in enumerate(commits.split())}
    first: dict[str, tuple[str, str, int]] = {}
    changes = 0
    commit = meta = ""
    with tempfile.TemporaryFile() as asked:
        asked.write(commits)
        asked.seek(0)
        with (
            _started(repository, "diff-tree", "--stdin", "--root", "-r", "-m", "-z", "--no-renames",
                     "--no-ext-diff", "--no-textconv", stdin=asked.fileno()) as (process, out),
            _ended_late(process),
        ):  # fmt: skip
            for token in tokens(out):
                if meta:
                    _, mode, _, sha, _ = meta.split(" ")
                    if mode != _LINK and sha.strip("0"):
                        name = token.decode("utf-8", "replace")
                        first.setdefault(sha, (commit, name, orders.get(commit, 0)))
                    meta = ""
                    changes += 1
                elif token.startswith(b":"):
                    meta = token[1:].decode("ascii", "replace")
                elif token:
                    commit = token.decode("ascii", "replace").split()[0]
                if changes >= MOST_CHANGES or len(token) > _LONGEST_NAME:
                    return first, orders, True
            said = process.wait()
    if said > 0:
        raise _unreadable(repository, "it has an object that cannot be read, or lacks one")
    return first, orders, said < 0


def tokens(out: IO[bytes]) -> Iterator[bytes]:
    """Yield what stands between zeros, read by pieces; of a huge one only its beginning."""
    left = b""
    while piece := out.read(_PIECE):
        *whole, left = (left + piece).split(b"\0")
        yield from whole
        if len(left) > _LONGEST_NAME:
            break
    if left:
        yield left


def contents(repository: Path, wanted: Sequence[Kept]) -> Iterator[tuple[Kept, bytes]]:
    """Yield what git keeps of each; one git process for all of them."""
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{one.sha}\n" for one in wanted).encode())
        asked.seek(0)
        with _started(repository, "cat-file", "--batch", "--buffer", stdin=asked.fileno()) as (process, out):
            for one in wanted:
                with _ended_late(process):
                    head = out.readline().split()
                    if len(head) != 3:
                        raise invalid(
                            "repository",
                            f"git keeps {one.sha} and cannot give it out.",
                            "Look at it with `git fsck`.",
                        )
                    data = out.read(int(head[2]))
                    out.read(1)
                yield one, data.partition(b"\n\n")[2] if one.kind != "blob" else data


def _run(repository: Path, *args: str) -> bytes:
    try:
        done = subprocess.run(
            git_command(repository, *args), stdin=subprocess.DEVNULL, capture_output=True, check=False,
            env=git_environment(), timeout=_LONGEST_S,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise Refused(
            "no-git",
            "git is not installed here, so no history can be read.",
            _INSTALL,
        ) from error
    except subprocess.TimeoutExpired as error:
        raise _unreadable(repository, f"it does not answer within {_LONGEST_S} s") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise _unreadable(repository, said[-1][:300])
    return done.stdout


def _unreadable(repository: Path, why: str) -> Refused:
    return invalid(
        "repository",
        f"git cannot read the history of {repository}: {why}",
        "Look at it with `git fsck`, or leave out --history.",
    )


@contextmanager
def _started(
    repository: Path, *args: str, stdin: int
) -> Generator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Give git at work and what it says; it ends with the block, whatever it waits for."""
    with subprocess.Popen(
        git_command(repository, *args),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=git_environment(),
    ) as process:
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        try:
            yield process, process.stdout
        finally:
            process.kill()


@contextmanager
def _ended_late(process: subprocess.Popen[bytes]) -> Generator[None]:
    """End git when the block takes too long: what waits for its answer then goes on without one."""
    late = threading.Timer(_LONGEST_S, process.kill)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


def git_command(repository: Path, *args: str) -> list[str]:
    """Return what starts git for a repository that a stranger made, with all off that it could start."""
    # A repository that is named is read whoever owns it: what its owner could make git do is switched off.
    switched = [word for one in _SWITCHED_OFF for word in ("-c", one)]
    return ["git", "--no-pager", f"--git-dir={repository}", *switched, *args]


def git_environment() -> dict[str, str]:
    """Return the environment for that: no configuration, no protocol, no question."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ATTR_NOSYSTEM": "1",
    }
