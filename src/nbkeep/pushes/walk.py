"""Finds out what is in a pack: its commits, and its files with the paths that they stand under."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .pktline import UnreadableError

if TYPE_CHECKING:
    from .objects import Objects

_MOST_ENTRIES = 2_000_000
_MOST_NAMES = 8  # of one file, by how they end: as what it is read
_MOST_PLACES = 200  # of one file, that are told
_LOST = "(no commit names it)/"


@dataclass(slots=True)
class Commit:
    """One commit, or tag with a message. `head`: its lines before the message, as they are."""

    sha: str
    kind: str
    tree: str
    parents: list[str]
    head: bytes
    message: bytes

    def told(self, word: str) -> str:
        """Return what a line of the head says, "" where there is none."""
        start = word.encode() + b" "
        found = next((one for one in self.head.split(b"\n") if one.startswith(start)), b"")
        return found.removeprefix(start).decode("utf-8", "replace")


@dataclass(slots=True)
class File:
    """One file's content. `paths`: under which it stands, one for each ending; `commit`: the first.

    `places`: all of them, as a reviewer reads them, with what it is there; `place_count`: so many there are.
    """

    sha: str
    size: int
    commit: str = ""
    paths: list[str] = field(default_factory=list[str])
    more_paths: bool = False
    places: dict[str, None] = field(default_factory=dict[str, None])
    place_count: int = 0

    def add_place(self, path: str, kind: str = "") -> None:
        """Note where it stands, and as what; once for each where they are few enough to be told."""
        place = f"{path} ({kind})" if kind else path
        if place in self.places:
            return
        self.place_count += 1
        if len(self.places) < _MOST_PLACES:
            self.places[place] = None


@dataclass(slots=True)
class Walked:
    """All of a pack. `names`: of files and folders, as they are written in its folders."""

    commits: list[Commit]
    files: list[File]
    names: list[str]


def walk(objects: Objects) -> Walked:
    """Return what is in a pack: parents before their children. Raises `UnreadableError`."""
    commits = _ordered([_commit(objects, sha, "commit") for sha in objects.of_kind("commit")])
    tags = [_commit(objects, sha, "tag") for sha in objects.of_kind("tag")]
    files = {sha: File(sha, objects.kinds[sha][1]) for sha in objects.of_kind("blob")}
    trees, names = set(objects.of_kind("tree")), dict[str, None]()
    # A folder that stands in two places is read for each, so that all names of its files are told.
    seen, known = set[tuple[str, str]](), set[str]()
    count = 0
    roots = [(one.tree, "", one.sha) for one in commits if one.tree in trees]
    for rest in (False, True):
        waiting = [(tree, _LOST, "") for tree in sorted(trees - known)] if rest else roots
        waiting.reverse()
        while waiting:
            tree, prefix, commit = waiting.pop()
            if (tree, prefix) in seen:
                continue
            seen.add((tree, prefix))
            known.add(tree)
            for one in objects.entries(tree):
                count += 1
                if count > _MOST_ENTRIES:
                    raise UnreadableError(f"it has folders with more than {_MOST_ENTRIES:,} files")
                path = prefix + one.name.decode("utf-8", "replace")
                names[path] = None
                if one.is_folder and one.sha in trees:
                    waiting.append((one.sha, f"{path}/", commit))
                elif (file := files.get(one.sha)) is not None:
                    _name(file, path, commit)
                    file.add_place(path, one.kind)
    for file in files.values():
        if not file.paths:
            file.paths.append(f"{_LOST}{file.sha[:12]}")
            file.add_place(file.paths[0])
    return Walked([*commits, *tags], list(files.values()), list(names))


def _name(file: File, path: str, commit: str) -> None:
    file.commit = file.commit or commit
    if any(_ending(one) == _ending(path) for one in file.paths):
        return
    if len(file.paths) >= _MOST_NAMES:
        file.more_paths = True
        return
    file.paths.append(path)


def _ending(path: str) -> str:
    """Return by what a file is read: how its name ends, or a name without an ending."""
    name = path.rpartition("/")[2].lower()
    stem, dot, ending = name.rpartition(".")
    return ending if stem and dot else name


def _commit(objects: Objects, sha: str, kind: str) -> Commit:
    head, _, message = objects.read(sha).partition(b"\n\n")
    found = Commit(sha, kind, "", [], head, message)
    found.tree = found.told("tree")
    found.parents = [
        one.removeprefix(b"parent ").decode("ascii", "replace")
        for one in head.split(b"\n")
        if one.startswith(b"parent ")
    ]
    return found


def _ordered(commits: list[Commit]) -> list[Commit]:
    """Return commits with parents before children; those that cannot be ordered last."""
    by_id = {one.sha: one for one in commits}
    left = {one.sha: sum(parent in by_id for parent in set(one.parents)) for one in commits}
    children: dict[str, list[str]] = {}
    for one in commits:
        for parent in set(one.parents):
            children.setdefault(parent, []).append(one.sha)
    ready = [sha for sha, count in left.items() if not count]
    found: list[Commit] = []
    while ready:
        one = by_id.pop(ready.pop())
        found.append(one)
        for child in children.get(one.sha, []):
            left[child] -= 1
            if not left[child]:
                ready.append(child)
    return [*found, *by_id.values()]
