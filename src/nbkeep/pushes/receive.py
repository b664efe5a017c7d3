"""What git and a forge say in a push (gitprotocol-pack(5), "Pushing Data To a Server"). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import pktline
from .pktline import UnreadableError

MOST_HEAD_BYTES = 4 << 20
"""Of the commands before the pack."""
_MOST_COMMANDS, _LONGEST_REF = 5_000, 1_000
_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256_DIGITS = 64
_OTHER_IDS = "It is of a repository with SHA-256 ids, which are not read."
_SERVICE = b"# service=git-receive-pack"
# What a push can be read with. Signed pushes, and what is not known yet, are not offered to git.
_OFFERED = (
    b"report-status", b"report-status-v2", b"delete-refs", b"quiet", b"atomic", b"ofs-delta",
    b"side-band-64k", b"push-options", b"object-format", b"agent",
)  # fmt: skip
# What git says in return. Nobody reads it before it is sent, so there is no room for anything else in it.
_SAID = re.compile(
    "report-status|report-status-v2|delete-refs|quiet|atomic|ofs-delta|side-band-64k|push-options|no-thin|"
    r"object-format=sha(?:1|256)|agent=(?=[!-~]{1,48}\Z)[A-Za-z-]{1,20}/\d{1,4}(?:[.+_()-]{1,2}[A-Za-z0-9]{0,12})*"
)
_MOST_SAID, _MOST_SHALLOW = 400, 1_000
_NO_THIN = b"no-thin"
_BAND = 60_000  # of a message in one line


@dataclass(frozen=True)
class Command:
    """One ref that is to be changed: `old` and `new` are ids in hex, all zeros for none."""

    old: str
    new: str
    ref: str

    @property
    def is_deletion(self) -> bool:
        """Whether the ref is taken away."""
        return not self.new.strip("0")


@dataclass(frozen=True)
class Pushed:
    """What stands before the pack. `pack_at`: where that begins, None where there is none.

    `problem`: a sentence, why nothing behind that can be read; "" where it can. `shallow`: ids of commits
    whose parents git does not have.
    """

    commands: tuple[Command, ...]
    capabilities: frozenset[str]
    options: tuple[str, ...]
    pack_at: int | None
    problem: str = ""
    shallow: tuple[str, ...] = ()


def is_probe(head: bytes, size: int) -> bool:
    """Tell whether a body is the one by which git finds out whether it may push: nothing is in it."""
    return size == len(pktline.FLUSH) and head == pktline.FLUSH


def read_push(head: bytes, size: int) -> Pushed:
    r"""Return what a push is about, by its first `MOST_HEAD_BYTES`; `size`: of all of it.

    Raises `UnreadableError` with words for what is none, and for pushes of kinds that are not read.

    >>> push = b"0070" + b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0side-band-64k" + b"0000PACK"
    >>> pushed = read_push(push, len(push)); pushed.commands[0].ref, pushed.pack_at == len(push) - 4
    ('refs/heads/x', True)
    """
    lines, at = pktline.section(head)
    capabilities: frozenset[str] = frozenset()
    commands, shallow = list[Command](), list[str]()
    for one in lines:
        body, separator, said = one.partition(b"\0")
        if separator:
            if commands:
                raise UnreadableError("it says twice what git can do")
            capabilities = _capabilities(said)
        body = body.removesuffix(b"\n")
        if body.startswith(b"shallow "):
            shallow.append(_shallow(one))
            continue
        commands.append(_command(body))
    if len(shallow) > _MOST_SHALLOW:
        raise UnreadableError(f"it is from a repository with more than {_MOST_SHALLOW:,} shallow commits")
    if not commands:
        raise UnreadableError("it names no ref")
    if len(commands) > _MOST_COMMANDS:
        raise UnreadableError(f"it has more than {_MOST_COMMANDS:,} refs")
    is_other = "object-format=sha256" in capabilities or any(
        len(one.new) == _SHA256_DIGITS for one in commands
    )
    options: tuple[str, ...] = ()
    if "push-options" in capabilities:
        found, at = pktline.section(head, at)
        options = tuple(one.decode("utf-8", "replace").removesuffix("\n") for one in found)
    has_pack = at < size
    if has_pack and head[at : at + 4] != b"PACK":
        raise UnreadableError("what it sends is no pack")
    problem = _OTHER_IDS if is_other else ""
    return Pushed(tuple(commands), capabilities, options, at if has_pack else None, problem, tuple(shallow))


def _capabilities(said: bytes) -> frozenset[str]:
    words = said.decode("latin-1").split()
    if len(said) > _MOST_SAID or len(set(words)) < len(words) or not all(map(_SAID.fullmatch, words)):
        raise UnreadableError("it says of git what git was not asked")
    return frozenset(words)


def _shallow(text: bytes) -> str:
    sha = text.removeprefix(b"shallow ").removesuffix(b"\n")
    if not _ID.fullmatch(sha):
        raise UnreadableError("it has a line that says no shallow commit")
    return sha.decode()


def _command(text: bytes) -> Command:
    if text.startswith(b"push-cert"):
        raise UnreadableError("it is signed (push --signed)")
    old, _, rest = text.partition(b" ")
    new, _, ref = rest.partition(b" ")
    if not _ID.fullmatch(old) or not _ID.fullmatch(new) or not ref or len(ref) > _LONGEST_REF:
        raise UnreadableError("it has a line that says no ref and its ids")
    return Command(old.decode(), new.decode(), ref.decode("utf-8", "surrogateescape"))


class Advertisement:
    """What a forge tells of its refs, on its way to git: packs are to be whole, and of kinds that are read.

    `feed` takes the body as it comes. Without `no-thin`, git leaves out of a pack what the forge has.
    """

    def __init__(self) -> None:
        self._held = b""
        self._is_done = False

    def feed(self, data: bytes) -> bytes:
        """Return what can be passed on; raises `UnreadableError` for what is no such answer."""
        if self._is_done:
            return data
        self._held += data
        at = 0
        if not (end := pktline.whole(self._held, at)):
            return self._waits()
        if self._held[4:end].rstrip() == _SERVICE:  # "smart HTTP" says so first, and then a flush
            at = end
            if not (end := pktline.whole(self._held, at)):
                return self._waits()
            if end - at == len(pktline.FLUSH):
                at = end
                if not (end := pktline.whole(self._held, at)):
                    return self._waits()
        first = self._held[at + 4 : end]
        if b"\0" not in first:
            raise UnreadableError("the forge's list of refs begins with none")
        ref, _, offered = first.partition(b"\0")
        fresh = pktline.line(ref + b"\0" + _offered(offered) + b"\n")
        passed = self._held[:at] + fresh + self._held[end:]
        self._held, self._is_done = b"", True
        return passed

    def rest(self) -> bytes:
        """Return nothing; raises `UnreadableError` where the answer ended before its first ref."""
        if self._held:
            raise UnreadableError("the forge's list of refs ended in the middle")
        return b""

    def _waits(self) -> bytes:
        if len(self._held) > _BAND * 2:
            raise UnreadableError("the forge's list of refs has no lines")
        return b""


def _offered(text: bytes) -> bytes:
    kept = [one for one in text.split() if one.partition(b"=")[0] in _OFFERED]
    return b" ".join([*kept, _NO_THIN])


def refused(commands: tuple[Command, ...], capabilities: frozenset[str], why: str, lines: list[str]) -> bytes:
    """Return a forge's answer by which git shows these lines, and each ref as refused for `why`.

    So git itself says that nothing was pushed; without a status to report, the lines alone are shown.
    """
    status = b""
    if capabilities & {"report-status", "report-status-v2"}:
        status = pktline.line(b"unpack ok\n")
        for one in commands:
            ref = one.ref.encode("utf-8", "surrogateescape")
            status += pktline.line(b"ng " + ref + b" " + _plain(why).encode() + b"\n")
        status += pktline.FLUSH
    if "side-band-64k" not in capabilities:
        return status
    said = "".join(f"{_plain(one)}\n" for one in lines).encode()
    answer = b"".join(pktline.line(b"\x02" + piece) for piece in _pieces(said))
    answer += b"".join(pktline.line(b"\x01" + piece) for piece in _pieces(status))
    return answer + pktline.FLUSH


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + _BAND] for at in range(0, len(data), _BAND)]


def _plain(text: str) -> str:
    """Return a line that a terminal shows as it is."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:600]
