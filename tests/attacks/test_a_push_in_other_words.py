"""Attack: have a push approved for one repository pass to another, or carry words that nobody reads."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from nbkeep.egress.leaving.body import Body
from nbkeep.egress.leaving.interface import Looked, Place, Sent
from nbkeep.egress.leaving.told import EVERYTHING, Told, read_told
from nbkeep.egress.leaving.uploads import Uploads
from nbkeep.egress.spool import Spool
from nbkeep.model.gates import Found
from nbkeep.pushes.examiner import PushExaminer
from nbkeep.pushes.pktline import UnreadableError, line
from nbkeep.pushes.receive import Pushed, read_push
from nbkeep.pushes.rules import fingerprint
from scan_parts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.egress.leaving.interface import Document, Scanner, Verdict

FORGE = "forge.acme.local"
_PUSH = b"application/x-git-receive-pack-request"
PUSH = line(b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0report-status agent=git/2.39.5") + b"0000PACK"


class _Asked:
    """An office that lets all pass, and keeps what it was asked."""

    def __init__(self) -> None:
        self.repositories: list[str] = []

    async def __call__(self, session_id: str, repository: str, body: Body) -> dict[str, Any]:
        del session_id, body
        self.repositories.append(repository)
        return {"passes": True, "push_id": "", "lines": [], "why": "", "passed_at": ""}


def sent(
    tmp_path: Path,
    target: str,
    data: bytes = PUSH,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    told: Told = EVERYTHING,
    uploads: Uploads | None = None,
) -> tuple[Verdict, list[str]]:
    """Send a push; return what became of it, and the repositories of which the office was asked."""
    asked, body = _Asked(), Body(tmp_path)
    body.add(data)
    request = Sent(
        Place("ses_1", FORGE, 443),
        "POST",
        target.encode(),
        ((b"content-type", _PUSH), (b"user-agent", b"git/2.39.5"), *headers),
        lambda: told,
    )
    verdict = asyncio.run(
        PushExaminer(asked, (FORGE,), 8 << 20, Spool(tmp_path / "pushes.jsonl"), uploads).examine(
            request, body
        )
    )
    body.close()
    return verdict, asked.repositories


def test_a_push_as_git_asks_for_it_names_its_repository(tmp_path: Path) -> None:
    for path in ("/acme/risk.git", "/Acme/sub.group/_x-1", "/~jane/risk.git"):
        verdict, asked = sent(tmp_path, f"{path}/git-receive-pack")
        assert verdict.refusal is None
        assert asked == [f"https://{FORGE}{path}"]


@pytest.mark.parametrize(
    "target",
    [
        "/acme/y.git/git%2Dreceive-pack", "/evil/x.git/git%2Dreceive-pack", "/evil/x.git/GIT-RECEIVE-PACK",
        "/evil/x.git/git-receive-pack?a=1", "/evil/x.git/git-receive-pack?", "/evil/x.git/git-receive-pack/",
        "/evil/x.git/git-receive-pack;a=1", "/acme/y.git/../../evil/x.git/git-receive-pack",
        "/acme//y.git/git-receive-pack", "/acme/./y.git/git-receive-pack", "/whatever", "/",
        "/git-receive-pack", "git-receive-pack", "/acme/%79.git/git-receive-pack",
        "/acme;x/y.git/git-receive-pack", "/acme\\y.git/git-receive-pack", "//git-receive-pack",
        "/acme/y.git\t/git-receive-pack",
    ],
)  # fmt: skip
def test_a_push_in_any_other_spelling_is_refused_before_anybody_is_asked(tmp_path: Path, target: str) -> None:
    verdict, asked = sent(tmp_path, target)
    assert verdict.refusal is not None
    assert verdict.refusal.code == "push-unread"
    assert "address that git would not write" in verdict.refusal.reason
    assert asked == []


def told(push: str, **kinds: str) -> Told:
    """Return what is decided at the gate push, for each kind of what may be found."""
    said = {one.value: {"decision": kinds.get(one.value, push), "scope": "everywhere"} for one in Found}
    return read_told(json.dumps({"push": said}))


def commands(first: bytes = b"report-status", before: bytes = b"", after: bytes = b"") -> bytes:
    command = b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0" + first
    return before + line(command) + after + b"0000PACK"


def of(text: bytes) -> Pushed:
    return read_push(text, len(text))


def test_what_git_says_beside_a_pack_is_read() -> None:
    for agent in (
        "git/2.39.5",
        "git/2.50.1-Linux",
        "git/2.39.3.(Apple.Git-146)",
        "git/2.45.1.windows.1",
        "JGit/6.10.0",
    ):
        words = f" report-status-v2 side-band-64k quiet atomic object-format=sha1 agent={agent}"
        pushed = of(commands(words.encode(), before=line(b"shallow " + b"b" * 40)))
        assert f"agent={agent}" in pushed.capabilities
        assert pushed.shallow == ("b" * 40,)


@pytest.mark.parametrize(
    "text",
    [
        commands(before=line(b"shallow " + KEY.encode())),
        commands(before=line(b"shallow " + b"b" * 40 + b" " + KEY.encode())),
        commands(before=line(b"shallow " + b"b" * 40) * 1001),
        commands(f"report-status agent={KEY}".encode()),
        commands(f"report-status agent=git/2.{KEY}".encode()),
        commands(f"report-status {KEY}".encode()),
        commands(b"report-status session-id=4111111111111111"),
        commands(b"report-status object-format=4111"),
        commands(b"report-status " * 20),
        commands(b"report-status" + b" " * 500),
        commands(after=line(b"0" * 40 + b" " + b"b" * 40 + b" refs/heads/y\0quiet")),
    ],
)  # fmt: skip
def test_words_for_which_there_is_no_room_are_no_push(text: bytes) -> None:
    with pytest.raises(UnreadableError):
        of(text)


def test_an_approval_is_also_for_what_is_said_beside_the_pack() -> None:
    texts = [
        commands(), commands(b"report-status agent=git/2.1"), commands(b"report-status agent=git/2.2"),
        commands(before=line(b"shallow " + b"b" * 40)), commands(before=line(b"shallow " + b"c" * 40)),
    ]  # fmt: skip
    where = f"https://{FORGE}/risk.git"
    assert len({fingerprint(where, of(one), "d" * 64) for one in texts}) == len(texts)
    assert fingerprint(where, of(texts[0]), "") == fingerprint(
        where, of(commands(b"quiet report-status")), ""
    )


class _Finds:
    """A scanner that finds a secret wherever the key stands."""

    async def look(self, document: Document) -> Looked:
        return Looked(frozenset({Found.SECRET if KEY in document.words else Found.NOTHING}), ("AWS key",))


@pytest.mark.parametrize("data", [PUSH, b"0000"])
@pytest.mark.parametrize("decision", ["deny", "review"])
def test_a_key_in_a_header_of_a_push_or_of_its_probe_is_not_sent(
    tmp_path: Path, data: bytes, decision: str
) -> None:
    hidden = ((b"x-note", KEY.encode()),)
    target = "/acme/risk.git/git-receive-pack"
    of_secrets = told("allow", secret=decision)
    uploads = Uploads(cast("Scanner", _Finds()))
    verdict, asked = sent(tmp_path, target, data, hidden, of_secrets, uploads)
    assert verdict.refusal is not None
    assert "headers of this push hold AWS key" in verdict.refusal.reason
    assert KEY not in str(verdict.refusal.reason)
    assert asked == []
    assert sent(tmp_path, target, data, told=of_secrets, uploads=uploads)[0].refusal is None
    assert sent(tmp_path, target, data, hidden, told("allow", unread="deny"), uploads)[0].refusal is None
