"""A real mail server on loopback with its moods, and an office that sends by it on a clock that tests move."""

from __future__ import annotations

import contextlib
import email
import os
import signal
import socket
import tempfile
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from egress_parts import Authority
from nbkeep.doors.worker.mailer import Mailer
from nbkeep.meter.daily import put_when_due
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.outbox import manage, rules
from nbkeep.outbox.deliver import note_settings
from nbkeep.outbox.notices import add_notice
from nbkeep.store.outbox_tables import MailRow
from nbkeep.store.tables import UserRow
from office_parts import OfficeForTests, make_office

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Generator, Iterator

    from aiosmtpd.smtp import Envelope, Session

    from nbkeep.model.actor import Actor

USER, PASSWORD = "nbkeep", "correct horse, with blanks"
GATHERED_S = rules.GATHERED.total_seconds()


class _Smtp(SMTP):
    """The library's server, which can refuse every sender, and hang up in the middle."""

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802 - named by the library
        server = cast("MailBox", self.event_handler)
        if server.refuses_the_sender:
            server.senders_refused += 1
            await self.push(server.refuses_the_sender)
            return
        await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - named by the library
        server = cast("MailBox", self.event_handler)
        if server.cuts > 0:
            server.cuts -= 1
            await self.push("354 go ahead")
            await self._reader.readline()
            cast("asyncio.Transport", self.transport).abort()
            return
        await super().smtp_DATA(arg)


@dataclass
class MailBox:
    """A mail server, and what it took."""

    authority: Authority
    names: tuple[str, ...] = ("127.0.0.1",)
    port: int = 0
    taken: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    seen: int = 0  # also what was not taken
    rcpt_answer: dict[str, str] = field(default_factory=dict[str, str])
    refuses_the_sender: str = ""  # the answer to whoever wants to send, after they have signed in
    senders_refused: int = 0
    data_answer: str = ""  # may have {text}: what it was sent, as some filters quote it
    cuts: int = 0  # connections that it cuts in the middle of the data
    kills: int = 0  # a process that it kills once it has taken the message
    offers_tls: bool = True
    password: str = PASSWORD
    sign_ins: list[bool] = field(default_factory=list[bool])

    @property
    def messages(self) -> list[EmailMessage]:
        return [email.message_from_bytes(raw, policy=default) for _, raw in self.taken]

    def to(self, address: str) -> list[EmailMessage]:
        return [one for one in self.messages if one["To"] == address]

    @contextlib.contextmanager
    def serving(self) -> Generator[MailBox]:
        context = self.authority.server_context(*self.names)
        controller = _Controller(self, context)
        controller.start()
        self.port = controller.address()[1]
        try:
            yield self
        finally:
            controller.stop()

    async def handle_RCPT(  # noqa: N802 - named by the library
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.rcpt_answer:
            return self.rcpt_answer[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(  # noqa: N802 - named by the library
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        self.seen += 1
        raw = cast("bytes", envelope.content)
        if self.data_answer:
            text = text_of(email.message_from_bytes(raw, policy=default))
            return self.data_answer.format(text=" ".join(text.split()))[:480]
        self.taken.append((envelope.rcpt_tos[0], raw))
        if self.kills:
            os.kill(self.kills, signal.SIGKILL)
        return "250 taken"

    def check(self, _server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> AuthResult:
        is_right = (
            isinstance(data, LoginPassword)
            and data.login.decode() == USER
            and data.password.decode() == self.password
        )
        self.sign_ins.append(is_right)
        return AuthResult(success=is_right, handled=is_right)


class _Controller(Controller):
    def __init__(self, box: MailBox, context: ssl.SSLContext) -> None:
        self.box, self.context = box, context
        # The library says nothing about the types of what it passes on.
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            box, hostname="127.0.0.1", port=box.port, ready_timeout=10
        )

    def factory(self) -> SMTP:
        box = self.box
        return _Smtp(
            box,
            hostname="mail.test",
            tls_context=self.context if box.offers_tls else None,
            require_starttls=box.offers_tls,
            authenticator=box.check,
            auth_require_tls=box.offers_tls,
            auth_required=box.offers_tls,
        )

    def _trigger_server(self) -> None:
        # The library's own would connect to the port that was asked for, which may be any.
        with socket.create_connection(self.address(), timeout=10) as connection:
            connection.recv(100)

    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", cast("Any", self.server).sockets[0].getsockname()[1])


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return part.get_content()


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return part.get_content()


@dataclass
class Mailing:
    """An office that sends mail."""

    office: OfficeForTests
    box: MailBox
    folder: Path
    mailer: Mailer = field(init=False)

    def __post_init__(self) -> None:
        note_settings(self.office)
        self.mailer = Mailer(self.office)

    def set(self, **values: object) -> None:
        """Set settings, as a restart of the office would."""
        for name, value in values.items():
            object.__setattr__(self.office.settings, name, value)
        note_settings(self.office)

    def round(self, rounds: int = 1) -> None:
        """Let rounds of the loops happen, and wait for what they began."""
        for _ in range(rounds):
            put_when_due(self.office)
            self.mailer.round()
            self.mailer.wait(60)

    def later(self, seconds: float) -> None:
        self.office.clock.advance(seconds)
        self.round()

    def rows(self) -> list[MailRow]:
        with self.office.store.read() as tx:
            return list(tx.query(MailRow).order_by(MailRow.created_at, MailRow.id))

    def row(self) -> MailRow:
        (found,) = self.rows()
        return found

    def status(self) -> manage.Status:
        with self.office.store.read() as tx:
            return manage.status(tx, self.office.settings, OPERATOR)

    def user(self, name: str = "jane", role: Role = Role.USER, email: str = "") -> Actor:
        actor = self.office.user(name, role)
        if email:
            with self.office.store.write() as tx:
                tx.get_one(UserRow, actor.id).email = email
        return actor


def make_mailing(
    folder: Path, authority: Authority, secrets: Path, url: str = "", **settings: Any
) -> Mailing:
    """Return an office for mail; its server does not run yet, but has its port. `url`: of its database."""
    box = MailBox(authority)
    with box.serving():
        pass  # it has a port now
    secrets.mkdir(exist_ok=True)
    file = secrets / "mail-password"
    file.write_text(f"{PASSWORD}\n")
    file.chmod(0o600)
    values: dict[str, Any] = {
        "public_url": "http://localhost:8000",
        "mail_server": f"127.0.0.1:{box.port}",
        "mail_from": "nbkeep@acme.com",
        "mail_ca_file": str(authority.file),
        "mail_user": USER,
        "mail_password": f"file:{file}",
    }
    return Mailing(make_office(folder, url, **(values | settings)), box, folder)


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[Mailing]:
    """An office with a mail server of its own."""
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        made = make_mailing(Path(folder), Authority.make(tmp_path), tmp_path / "etc")
        yield made
        made.office.close()


@pytest.fixture
def any_mailing(store_url: str, tmp_path: Path) -> Iterator[Mailing]:
    """An office with a mail server of its own, once on each database engine."""
    url = "" if store_url.startswith("sqlite") else store_url
    with tempfile.TemporaryDirectory(prefix="nbk", dir="/tmp") as folder:
        made = make_mailing(Path(folder), Authority.make(tmp_path), tmp_path / "etc", url)
        yield made
        made.office.close()


def tell(
    mailing: Mailing, actor: Actor, text: str = "Your quota is nearly used.", kind: str = "quota"
) -> None:
    """Put a notice for somebody."""
    with mailing.office.store.write() as tx:
        add_notice(tx, mailing.office.clock, actor.id, kind, text)


def set_up_away(office: OfficeForTests, folder: Path) -> None:
    """Set mail up as an operator does, with a server that is away."""
    file = folder / "mail-password"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    for name, value in {
        "mail_server": "127.0.0.1:9",
        "mail_from": "nbkeep@acme.com",
        "mail_user": "nbkeep",
        "mail_password": f"file:{file}",
    }.items():
        object.__setattr__(office.settings, name, value)
    note_settings(office)
