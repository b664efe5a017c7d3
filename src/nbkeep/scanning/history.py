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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused, invalid

from . import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .values import Limits

_SWITCHED_OFF = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "core.sshCommand=false",
    "core.askPass=false", "core.attributesFile=/dev/null", "core.commitGraph=false",
    "credential.helper=", "protocol.allow=never", "diff.external=", "log.showSignature=false", "gc.auto=0",
    "maintenance.auto=false",
)  # fmt: skip
_LINK = "160000"  # a commit of another repository: no file of this one
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


def kept(repository: Path, limits: Limits) -> tuple[list[Kept], list[Kept]]:
    """Return all files and messages that the repository keeps, each once, and those too large to be read.

    Raises Refused where git cannot read the repository, or is not installed.
    """
    _refuse_traps(repository)
    first, orders = _first_appearances(repository)
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
    return found, large


def _first_appearances(repository: Path) -> tuple[dict[str, tuple[str, str, int]], dict[str, int]]:
    """Return commit, path and order of each file's first appearance, and the order of all commits."""
    commits = _run(repository, "rev-list", "--all", "--topo-order", "--reverse")
    with tempfile.TemporaryFile() as asked:
        asked.write(commits)
        asked.seek(0)
        changes = _run(repository, "diff-tree", "--stdin", "--root", "-r", "-m", "-z", "--no-renames",
                       "--no-ext-diff", "--no-textconv", stdin=asked.fileno())  # fmt: skip
    orders = {sha.decode("ascii", "replace"): at for at, sha in enumerate(commits.split())}
    first: dict[str, tuple[str, str, int]] = {}
    commit = meta = ""
    for token in changes.split(b"\0"):
        if meta:
            _, mode, _, sha, _ = meta.split(" ")
            if mode != _LINK and sha.strip("0"):
                first.setdefault(sha, (commit, token.decode("utf-8", "replace"), orders.get(commit, 0)))
            meta = ""
        elif token.startswith(b":"):
            meta = token[1:].decode("ascii", "replace")
        elif token:
            commit = token.decode("ascii", "replace").split()[0]
    return first, orders


def contents(repository: Path, wanted: Sequence[Kept]) -> Iterator[tuple[Kept, bytes]]:
    """Yield what git keeps of each; one git process for all of them."""
    with tempfile.TemporaryFile() as asked:
        asked.write("".join(f"{one.sha}\n" for one in wanted).encode())
        asked.seek(0)
        command = _command(repository, "cat-file", "--batch", "--buffer")
        with subprocess.Popen(
            command,
            stdin=asked.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        ) as process:
            out = process.stdout
            for one in wanted:
                head: list[bytes] = out.readline().split() if out else []
                if len(head) != 3 or out is None:
                    raise invalid(
                        "repository",
                        f"git keeps {one.sha} and cannot give it out.",
                        "Look at it with `git fsck`.",
                    )
                data = out.read(int(head[2]))
                out.read(1)
                yield one, data.partition(b"\n\n")[2] if one.kind != "blob" else data


def _run(repository: Path, *args: str, stdin: int = subprocess.DEVNULL) -> bytes:
    try:
        done = subprocess.run(
            _command(repository, *args), stdin=stdin, capture_output=True, check=False, env=_environment()
        )
    except FileNotFoundError as error:
        raise Refused(
            "no-git",
            "git is not installed here, so no history can be read.",
            _INSTALL,
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise invalid("repository", f"git cannot read the history of {repository}: {said[-1][:300]}",
                      "Look at it with `git fsck`, or leave out --history.")  # fmt: skip
    return done.stdout


def _command(repository: Path, *args: str) -> list[str]:
    # A repository that is named is read whoever owns it: what its owner could make git do is switched off.
    switched = [word for one in _SWITCHED_OFF for word in ("-c", one)]
    return ["git", "--no-pager", f"--git-dir={repository}", *switched, *args]


def _environment() -> dict[str, str]:
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
