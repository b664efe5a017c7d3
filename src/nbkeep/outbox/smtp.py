"""Giving messages to a mail server, by the standard library's client: it runs in a thread, and needs no more.

Foreign errors become two kinds: `ServerAway` is about the server, so that no other message is tried now;
`NotTaken` about this one message.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from nbkeep.connecting import why_in_words
from nbkeep.model import mailing
from nbkeep.model.errors import Refused

from .rules import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType

    from nbkeep.settings import Settings

CONNECT_S = 15.0
WHOLE_S = 90.0  # one message, however slowly the server answers
_GOODBYE_S = 2.0
_REPLY = 160
_CLOSING = 421  # RFC 5321, 3.8: the server shuts the connection, whatever was asked


class ServerAway(Exception):
    """Nothing can be given to the server now; the text says why, with no secret."""


class NotTaken(Exception):
    """The server has not taken this message, or nobody knows whether it has; the text says why."""

    def __init__(
        self, why: str, *, for_good: bool = False, is_cut: bool = False, is_untried: bool = False
    ) -> None:
        super().__init__(why)
        self.for_good = for_good  # trying again will not help
        self.is_cut = is_cut  # the connection is gone, too
        self.is_untried = is_untried  # nothing of it was sent: it is no try


class Connection:
    """A connection to the mail server of the settings, signed in. Use it with `with`; of one thread."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet. Raises `Refused` (409) where mail is not set up."""
        server = settings.mail
        if server is None:
            raise mailing.not_set_up()
        self._settings, self._server = settings, server
        self._smtp: smtplib.SMTP | None = None
        self._given = 0
        self._line: socket.socket | None = None
        self._is_late = False
        self.has_dealt = False  # with a message: taken it, or refused that one

    def __enter__(self) -> Self:
        """Connect, prove the server, sign in. Raises `ServerAway`."""
        try:
            with self._deadline():
                self._connect()
        except ServerAway:
            self._close()
            raise
        except smtplib.SMTPNotSupportedError as error:
            self._close()
            what = "signing in" if self._is_private() else "STARTTLS"
            raise self._away(f"it does not offer {what}; nothing was sent") from error
        except smtplib.SMTPAuthenticationError as error:
            self._close()
            # Its own words may hold what it was sent.
            raise self._away(f"it does not take the name and password ({error.smtp_code})") from error
        except smtplib.SMTPResponseException as error:
            self._close()
            raise self._away(f"it answered {_answer(error.smtp_code, error.smtp_error)}") from error
        except UnicodeError as error:
            self._close()
            raise self._away("its name or the password has characters that cannot be sent") from error
        except smtplib.SMTPServerDisconnected as error:
            self._close()
            raise self._away(_cause(error) or "it closed the connection") from error
        except OSError as error:  # also the library's other errors
            self._close()
            known = (
                "it does not speak SMTP" if isinstance(error, smtplib.SMTPException) else why_in_words(error)
            )
            raise self._away(known) from error
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Say goodbye, if there is somebody."""
        if self._smtp is not None and self._smtp.sock is not None:
            with contextlib.suppress(OSError), self._deadline(_GOODBYE_S):  # the library's errors are some
                self._smtp.quit()
        self._close()

    def send(self, to: str, whole: bytes, *, is_secret: bool = False) -> None:
        """Give one message; return once the server has taken it. Raises `ServerAway` and `NotTaken`.

        `is_secret`: nothing is repeated of the server's answers, which could quote the message.
        """
        smtp = self._smtp
        if smtp is None:
            raise self._away("there is no connection")
        try:
            with self._deadline():
                self._give(smtp, to, whole, is_secret=is_secret)
        except (OSError, UnicodeError, ValueError) as error:  # the library's errors are OSErrors
            if isinstance(error, (UnicodeError, ValueError)) and not isinstance(error, OSError):
                raise NotTaken("the address cannot be sent to", for_good=True) from error
            cut = isinstance(error, smtplib.SMTPException)
            why = "the server closed the connection in the middle" if cut else why_in_words(error)
            raise NotTaken(f"Not known whether it arrived: {why}", is_cut=True) from error

    def _give(self, smtp: smtplib.SMTP, to: str, whole: bytes, *, is_secret: bool) -> None:
        try:
            code, said = smtp.mail(self._settings.mail_from)
        except smtplib.SMTPServerDisconnected as error:
            if not self._given:
                raise self._away("it closed the connection") from error
            # Some take only so many messages at once.
            raise NotTaken("The connection was over", is_cut=True, is_untried=True) from error
        self._given += 1
        if code != 250:
            why = f"it takes no mail from {self._settings.mail_from} ({_answer(code, said)})"
            raise self._away(why)
        code, said = smtp.rcpt(to)
        if code not in {250, 251}:
            self._refused("the recipient", code, said, is_secret=is_secret)
        try:
            code, said = smtp.data(whole)
        except smtplib.SMTPDataError as error:
            code, said = error.smtp_code, error.smtp_error
        if code != 250:
            self._refused("the message", code, said, is_secret=is_secret)
        self.has_dealt = True

    def _refused(self, what: str, code: int, said: bytes | str, *, is_secret: bool) -> None:
        answer = str(code) if is_secret else _answer(code, said)
        if code == _CLOSING:
            raise self._away(f"it answered {answer}")
        self.has_dealt = True
        is_cut = False
        try:
            if self._smtp is not None:
                self._smtp.rset()
        except OSError:
            is_cut = True
        why = f"The server does not take {what} ({answer})"
        raise NotTaken(why, for_good=500 <= code < 600, is_cut=is_cut)

    def _connect(self) -> None:
        settings, server = self._settings, self._server
        me = urlsplit(settings.public_url).hostname or "localhost"
        trust = self._trust() if server.security == mailing.TLS else None
        self._smtp = _Client(server.host, me, trust, self._keep)
        code, said = self._smtp.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        if server.security == mailing.STARTTLS:
            code, said = self._smtp.starttls(context=self._trust())
            if code != 220:
                raise self._away(f"it did not begin TLS ({_answer(code, said)})")
        self._smtp.ehlo_or_helo_if_needed()
        if settings.mail_user:
            try:
                password = settings.mail_password_at.read_line()
            except Refused as refusal:
                raise ServerAway(f"Nothing is sent: {refusal.message}") from refusal
            self._smtp.login(settings.mail_user, password)

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.mail_ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ServerAway("Nothing is sent: mail_ca_file cannot be read") from error

    def _is_private(self) -> bool:
        return self._smtp is not None and isinstance(self._smtp.sock, ssl.SSLSocket)

    @contextlib.contextmanager
    def _deadline(self, seconds: float | None = None) -> Generator[None]:
        """End what takes too long in all, though each byte comes in time: a server that drips."""
        self._is_late = False
        timer = threading.Timer(seconds or WHOLE_S, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _keep(self, sock: socket.socket) -> None:
        """Keep the connection by a handle of its own: TLS takes the socket's away, from its first byte on."""
        self._line = sock.dup()
        if self._is_late:
            self._cut()

    def _cut(self) -> None:
        self._is_late = True  # first of all: a connection that is made just now is cut by `_keep`
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.close()
            self._smtp = None

    def _away(self, why: str) -> ServerAway:
        if self._is_late:
            why = f"it took longer than {WHOLE_S:g} s"
        return ServerAway(f"The mail server {self._server}: {why}")


class _Client(smtplib.SMTP):
    """The library's client, which connects later: in its constructor nobody could cut the connection yet.

    `trust`: speak TLS from the first byte on. `keep` is given the connection as soon as there is one.
    """

    def __init__(
        self, host: str, me: str, trust: ssl.SSLContext | None, keep: Callable[[socket.socket], None]
    ) -> None:
        super().__init__(local_hostname=me, timeout=CONNECT_S)
        self._host = host  # whose name `starttls` wants in the certificate
        self._trust, self._keep = trust, keep

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a new connection, as `smtplib.SMTP_SSL` does; called by `connect`."""
        sock = socket.create_connection((host, port), timeout)
        self._keep(sock)
        return sock if self._trust is None else self._trust.wrap_socket(sock, server_hostname=self._host)


def _answer(code: int, said: bytes | str) -> str:
    words = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    return one_line(f"{code} {words}", _REPLY)


def _cause(error: BaseException) -> str:
    """Return what is behind an error of the library, where that is one of the connection."""
    found = error.__cause__ or error.__context__
    return (
        why_in_words(found)
        if isinstance(found, OSError) and not isinstance(found, smtplib.SMTPException)
        else ""
    )
