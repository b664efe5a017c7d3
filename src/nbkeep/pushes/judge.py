"""Judge a push that the gateway keeps back: examined first, decided and on record before anything is sent."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from nbkeep.audit import events, journal
from nbkeep.data.classified import class_of_home
from nbkeep.detection.records import own_rules, own_rules_sha256
from nbkeep.guard.words import sentence
from nbkeep.model.actor import SYSTEM
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.model.ids import new_id
from nbkeep.model.session import LIVE
from nbkeep.rendering.interface import Made
from nbkeep.store.push_tables import PushRow
from nbkeep.store.tables import SessionRow, UserRow

from . import found, rules
from .job import examine_push
from .pktline import UnreadableError
from .policy import judged_for
from .receive import MOST_HEAD_BYTES, Pushed, read_push
from .records import same_as
from .tell import tell_waiting
from .values import Answer, Examined, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbkeep.guard.values import Judgement
    from nbkeep.model.clock import Clock
    from nbkeep.rendering.kept import Documents
    from nbkeep.settings import Settings
    from nbkeep.store.database import Store, Tx

    Examine = Callable[..., Examined]

_NO_END = "The organisation's own rules changed each time it was examined."
_LIVE = frozenset(state.value for state in LIVE)
_ENDED = Answer(False, "the session has ended", ("nbkeep: this session has ended, so nothing is sent.",))
_MEND = (
    "nbkeep: Take it out of every commit of this push (git commit --amend, git rebase -i), and push again.",
    "nbkeep: Change a secret that was ever written down: who has the repository here has it.",
)


def take_push(
    store: Store,
    clock: Clock,
    settings: Settings,
    documents: Documents,
    session_id: str,
    repository: str,
    body: Path,
    work: Path,
    examine: Examine = examine_push,
) -> Answer:
    """Return what becomes of a push of a session, whose request's body lies in a file. Raises OSError.

    `repository`: its address, as it was asked for. `work`: a folder for this push alone. An approved push
    passes once, and again only where the forge refused it. By rules of the organisation that are changed
    meanwhile it is not judged: it is examined again, and unread where that happens each time.
    """
    pushed = _read(body)
    tries = 0
    while True:
        with store.read() as tx:
            session = tx.get(SessionRow, session_id)
            if session is None or session.state not in _LIVE:
                return _ENDED
            judged = judged_for(tx, session, tuple(Found))
            may_be_reviewed = any(one.decision is Decision.REVIEW for one in judged.because)
            own = own_rules(tx)
        if problem := pushed.problem or (_NO_END if tries == rules.MOST_TRIES else ""):
            examined = Examined(Made(problem=problem))
        else:
            examined = examine(body, pushed, repository, work, page=may_be_reviewed, rules=own.text)
        tries += 1
        with store.write() as tx:
            session = tx.get_one(SessionRow, session_id)
            user = tx.get_one(UserRow, session.user_id)
            if session.state not in _LIVE or user.status != "active":
                return _ENDED
            if examined.made.problem or own_rules_sha256(tx) == own.sha256:
                case = _Case(tx, clock, settings, session, user, repository, pushed, examined, documents)
                return case.decide()


def _read(body: Path) -> Pushed:
    with body.open("rb") as file:
        head = file.read(MOST_HEAD_BYTES)
    try:
        return read_push(head, body.stat().st_size)
    except UnreadableError as error:
        return Pushed((), frozenset(), (), None, f"It was not read: {error}.")


class _Case:
    """One push, examined: what the policies and reviewers say of it, in one transaction."""

    def __init__(
        self,
        tx: Tx,
        clock: Clock,
        settings: Settings,
        session: SessionRow,
        user: UserRow,
        repository: str,
        pushed: Pushed,
        examined: Examined,
        documents: Documents,
    ) -> None:
        self._tx, self._clock, self._settings = tx, clock, settings
        self._session, self._user, self._pushed, self._examined = session, user, pushed, examined
        self._documents = documents
        self._class = class_of_home(tx, user.id, session.id)
        made = examined.made
        self._kinds = found.found_in(made)
        self._judged: Judgement = judged_for(tx, session, tuple(self._kinds))
        counts = found.kinds_of(made)
        counts[Found.UNREAD] = counts.get(Found.UNREAD, 0) + bool(made.problem)
        self._said = sentence(self._judged, Gate.PUSH, counts=counts)
        # As it can be shown: the first of these is the address itself.
        self._repository = examined.refs[0] if examined.refs else _host_of(repository)
        self._refs = examined.refs[1:]
        self._fingerprint = rules.fingerprint(repository, pushed, examined.objects)

    def decide(self) -> Answer:
        """Return what becomes of it, on record."""
        match self._judged.decision:
            case Decision.ALLOW:
                self._note("passed")
                return Answer(True)
            case Decision.DENY:
                return self._refuse("denied by policy", [self._first("was not sent"), *self._where(), *_MEND])
            case Decision.REVIEW | Decision.REDACT:
                return self._reviewed()

    def _reviewed(self) -> Answer:
        if self._examined.made.problem:
            return self._refuse("not readable", [
                self._first("was not sent"), f"nbkeep: {self._examined.made.problem}",
                "nbkeep: What cannot be read cannot be reviewed. Push it in a plain form, over HTTPS.",
            ])  # fmt: skip
        now = self._clock.now()
        row = same_as(self._tx, self._user.id, self._fingerprint)
        state = rules.state_now(row.state, now, row.requested_at, row.lapses_at) if row is not None else None
        if row is not None and state is State.APPROVED:
            return self._pass(row)
        if row is not None and state is State.SENDING:
            return self._refuse("is under way", [
                f"nbkeep: exactly this push is under way to the forge ({row.id}).",
                "nbkeep: You are told what became of it, and whether its approval still holds.",
            ], row.id)  # fmt: skip
        if row is not None and state is State.WAITING:
            return self._refuse("waits for a review", [
                f"nbkeep: this push waits for a reviewer ({row.id}, {row.requested_at:%Y-%m-%d %H:%M} UTC).",
                "nbkeep: You are told in the portal and in JupyterLab once it is decided; push again then.",
            ], row.id)  # fmt: skip
        if row is not None and state is not None and rules.still_answers(state, now, row.decided_at):
            what = "denied" if state is State.DENIED else "sent back"
            return self._refuse(what, [
                f"nbkeep: {row.decided_by} has {what} this push ({row.id}): {row.answer}",
                "nbkeep: Change the commits, and push again.",
            ], row.id)  # fmt: skip
        if not self._examined.has_page:  # Invariant: what nobody can look at is not held for a review
            return self._refuse("not examined", [
                "nbkeep: this push was not sent: the policies changed while it was examined. Push again.",
            ])  # fmt: skip
        waiting = (
            select(func.count())
            .select_from(PushRow)
            .where(
                PushRow.user_id == self._user.id,
                PushRow.state == State.WAITING.value,
                PushRow.requested_at > now - rules.LAPSES,
            )
        )
        if (self._tx.scalar(waiting) or 0) >= rules.MOST_WAITING:
            return self._refuse("too many wait", [
                f"nbkeep: this push was not sent. {rules.MOST_WAITING} of yours wait for a reviewer already.",
                "nbkeep: Withdraw some: `nbkeep push list --mine`, `nbkeep push withdraw ID`.",
            ])  # fmt: skip
        row = self._hold()
        return self._refuse("waits for a review", [
            self._first("was not sent yet"), *self._where(),
            f"nbkeep: Somebody else looks at it first: {row.id}, on the portal's page Pushes.",
            "nbkeep: You are told once it is decided. Then push exactly the same again.",
        ], row.id, outcome="waiting")  # fmt: skip

    def _pass(self, row: PushRow) -> Answer:
        # Invariant: an approval counts once, and is used up on record before a byte is sent; see `settle.py`.
        now = self._clock.now()
        row.state, row.ended_at = State.SENDING.value, now
        self._note("passed", row.id)
        event = events.PushPassed(
            session_id=self._session.id,
            push_id=row.id,
            user=self._user.name,
            repository=row.repository,
            fingerprint=row.fingerprint,
        )
        journal.append(self._tx, self._clock, SYSTEM, event)
        return Answer(True, push_id=row.id, passed_at=now.isoformat())

    def _hold(self) -> PushRow:
        now, made = self._clock.now(), self._examined.made
        shown = self._refs or [""] * len(self._pushed.commands)
        row = PushRow(
            id=new_id("psh", now),
            user_id=self._user.id,
            session_id=self._session.id,
            profile_name=self._session.profile_name,
            repository=self._repository,
            commands=[
                {"ref": ref, "old": one.old, "new": one.new}
                for ref, one in zip(shown, self._pushed.commands, strict=True)
            ],
            fingerprint=self._fingerprint,
            state=State.WAITING.value,
            found=[one.value for one in self._kinds],
            findings=found.findings_of(made),
            finding_counts=found.counts_of(made),
            not_read=found.not_read_of(made),
            commit_count=self._examined.commits,
            file_count=self._examined.files,
            page_sha256=self._documents.put(json.dumps(self._examined.page).encode()),
            classification=self._class,
            because=self._because(),
            requested_at=now,
        )
        self._tx.add(row)
        self._tx.flush()
        tell_waiting(self._tx, self._clock, row, self._user, self._said)
        return row

    def _refuse(self, why: str, lines: list[str], push_id: str = "", *, outcome: str = "refused") -> Answer:
        self._note(outcome, push_id)
        return Answer(False, why, tuple(lines), push_id)

    def _note(self, outcome: str, push_id: str = "") -> None:
        made = self._examined.made
        event = events.PushExamined(
            session_id=self._session.id,
            push_id=push_id,
            user=self._user.name,
            repository=self._repository,
            refs=self._refs[:100],
            commits=self._examined.commits,
            files=self._examined.files,
            found=[one.value for one in self._kinds],
            findings=len(made.findings) + self._examined.more,
            classification=self._class,
            decision=self._judged.decision.value,
            because=self._because(),
            outcome=outcome,
            problem=made.problem,
        )
        journal.append(self._tx, self._clock, SYSTEM, event)

    def _because(self) -> list[dict[str, str]]:
        return [
            {"found": one.found.value, "decision": one.decision.value, "scope": one.scope}
            for one in self._judged.because
        ]

    def _first(self, what: str) -> str:
        return f"nbkeep: this push {what}. {self._said}"

    def _where(self) -> list[str]:
        made = self._examined.made
        return (
            [f"nbkeep: {made.problem}"]
            if made.problem
            else [f"nbkeep: {one}" for one in found.lines_of(made)]
        )


def _host_of(repository: str) -> str:
    """Return what of an address can be told of a push that was not read: its host."""
    return "/".join(repository.split("/")[:3])


def valid_until(settings: Settings) -> timedelta:
    """Return how long an approved push waits to be pushed again."""
    return timedelta(seconds=settings.release_valid_s)
