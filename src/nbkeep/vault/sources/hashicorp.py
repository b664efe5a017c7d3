"""Values that lie in HashiCorp Vault or OpenBao: read when they are handed out, and kept nowhere.

Its HTTP API, of which few calls are needed: a client library would bring a second HTTP stack for them.
What it answers is bounded in size and time, and it is never followed to another address.
"""

from __future__ import annotations

import json
import ssl
import stat
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.clock import SystemClock
from nbkeep.model.errors import Refused, Unavailable

from .exchange import NoAnswer, Question, exchange

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

    from nbkeep.model.clock import Clock
    from nbkeep.vault.place import VaultPlace
    from nbkeep.vault.references import Reference

_WAIT_S = 2.0  # for each step: the gateway waits for five seconds in all
_WHOLE_S, _MOST_S = 4.0, 15.0  # until an answer is whole; the most that anybody may ask for
_AT_ONCE, _QUEUE_S = 8, 1.0  # a Vault that hangs must not hold up all of the office
_DATABASE_AT_ONCE = 16  # apart from the others: a database that hangs behind it keeps no value from anybody
_SIGN_IN_S = 2.0
_AWAY_S = 2.0  # how long nobody asks again after it did not answer
_RENEW_AT = 2 / 3  # of a token's time
_DENIED, _NOT_FOUND = 403, 404
_WORDS = {"GET": "read"}
_PASSING = frozenset({412, 429, 472, 473})  # a standby, or too many requests


@dataclass(frozen=True)
class _Token:
    renew_at_s: float
    ends_at_s: float
    is_renewable: bool
    text: str = field(repr=False)


@lru_cache(maxsize=8)
def hashicorp(place: VaultPlace) -> Hashicorp:
    """Return the one client of a place: who signs in for each value makes as many tokens."""
    return Hashicorp(place, SystemClock())


class Unanswered(Unavailable):
    """What was asked may have been done: the question went out, and no answer to it could be read."""


class Hashicorp:
    """One Vault, for any thread. All raises `Refused` or `Unavailable`, which repeat no value.

    `most_s`: until an answer must be whole, whatever is asked.
    """

    def __init__(self, place: VaultPlace, clock: Clock, *, most_s: float = _MOST_S) -> None:
        self._place, self._clock, self._most_s = place, clock, most_s
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._database_room = threading.BoundedSemaphore(_DATABASE_AT_ONCE)
        self._signing_in = threading.Lock()
        self._token: _Token | None = None
        self._away_until_s = 0.0
        self._trusted: ssl.SSLContext | None = None

    def read(self, reference: Reference) -> str:
        """Return what lies there now: one field's text, or all fields as JSON."""
        params = {"version": str(reference.version)} if reference.version else {}
        answer = self._ask("GET", reference.path, self._room, params=params)
        if answer.status_code == _NOT_FOUND:
            raise _refused(f"There is nothing at {reference} (any more).")
        found = _object(answer, "data").get("data")
        if not isinstance(found, dict):
            raise _refused(f"At {reference.path} is no KV engine of version 2.")
        found = cast("dict[str, Any]", found)
        if not reference.field:
            return json.dumps(found)
        value = found.get(reference.field)
        if not isinstance(value, str):
            what = "no field" if value is None else "no text in the field"
            raise _refused(f"There is {what} {reference.field!r} at {reference.path}.")
        return value

    def ask(
        self, method: str, path: str, *, wait_s: float = _WAIT_S, once: str = "", **said: Any
    ) -> httpx.Response:
        """Return what it answers to a request with JSON; what is no success is left to who asks.

        `wait_s`: for each step; a database that takes its time does not make the Vault one that is away.
        `once`: sent along, so that a cache between takes this request for no other one.
        """
        more = {"json": said} if said else {}
        return self._ask(method, path, self._database_room, wait_s=wait_s, once=once, **more)

    def keep_signed_in(self) -> None:
        """Renew nbkeep's token when that is due: with it ends all that was made by it."""
        self._signed_in()

    def check(self) -> None:
        """See whether it answers and lets nbkeep in."""
        if self._place.token_file:
            self._ask("GET", "auth/token/lookup-self", self._room)
        else:
            self._login()

    def _ask(self, method: str, path: str, room: threading.BoundedSemaphore, **more: Any) -> httpx.Response:
        """Ask with a token, a second time with a new one if the first does not count any more."""
        with _having(room, _QUEUE_S):
            for _ in range(2):
                token = self._signed_in()
                answer = self._send(method, path, token, **more)
                if answer.status_code != _DENIED:
                    return answer
                # A token that is still one is kept: what was made by it would end with it.
                if self._send("GET", "auth/token/lookup-self", token).is_success:
                    break
                self._forget(token)
        raise _refused(f"Vault does not let nbkeep {_WORDS.get(method, 'use')} {path}.")

    def _signed_in(self) -> str:
        """Return a token that counts; another one where the last has ended."""
        if self._place.token_file:
            return _content(self._place.token_file)
        with _having(self._signing_in, min(_SIGN_IN_S, self._most_s)):
            now_s, token = self._clock.monotonic_s(), self._token
            if token is None or now_s >= token.ends_at_s:
                token = self._login()
            elif now_s >= token.renew_at_s:
                token = (self._renewed(token) if token.is_renewable else None) or self._login()
            self._token = token
            return token.text

    def _forget(self, token: str) -> None:
        with _having(self._signing_in, min(_SIGN_IN_S, self._most_s)):
            if self._token is not None and self._token.text == token:
                self._token = None

    def _login(self) -> _Token:
        place = self._place
        said = {"role_id": _content(place.role_id_file), "secret_id": _content(place.secret_id_file)}
        answer = self._send("POST", f"auth/{place.approle_path}/login", json=said)
        if not answer.is_success:
            raise _refused("Vault does not know nbkeep's role id and secret id.")
        return self._made(answer)

    def _renewed(self, token: _Token) -> _Token | None:
        answer = self._send("POST", "auth/token/renew-self", token.text, json={})
        return self._made(answer) if answer.is_success else None

    def _made(self, answer: httpx.Response) -> _Token:
        auth = _object(answer, "auth")
        try:
            lasts_s, text = float(auth["lease_duration"]), str(auth["client_token"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise _away("it gives no token") from None
        if not text.isascii() or not text.isprintable() or not lasts_s >= 0:
            raise _away("it gives no token")
        now_s, lasts_s = self._clock.monotonic_s(), lasts_s or float("inf")  # 0: it does not end
        return _Token(now_s + lasts_s * _RENEW_AT, now_s + lasts_s, bool(auth.get("renewable")), text)

    def _send(
        self, method: str, path: str, token: str = "", *, wait_s: float = _WAIT_S, once: str = "", **more: Any
    ) -> httpx.Response:
        """Return its answer, if it is one about this request and not about the state that it is in."""
        if self._clock.monotonic_s() < self._away_until_s:
            raise _away("it did not answer a moment ago")
        headers = {"X-Vault-Request": "true", "Accept-Encoding": "identity"}
        headers |= {"X-Vault-Token": token} if token else {}
        headers |= {"X-Nbkeep-Once": once} if once else {}
        if self._place.namespace:
            headers["X-Vault-Namespace"] = self._place.namespace
        whole_s = min(self._most_s, max(_WHOLE_S, wait_s))
        question = Question(method, f"{self._place.url}/v1/{path}", headers, wait_s, whole_s, more)
        try:
            answer = exchange(question, self._roots())
        except NoAnswer as error:
            is_the_database = wait_s > _WAIT_S and error.is_slow and error.was_sent
            if not error.is_there and not is_the_database:
                self._away_until_s = self._clock.monotonic_s() + _AWAY_S
            raise _away(str(error), was_sent=error.was_sent) from None
        if answer.is_server_error or answer.is_redirect or answer.status_code in _PASSING:
            raise _away(f"it answers {answer.status_code}")
        return answer

    def _roots(self) -> ssl.SSLContext:
        if self._trusted is None:
            try:
                self._trusted = ssl.create_default_context(cafile=self._place.ca_file or None)
            except OSError as error:
                raise _refused("The certificates in vault_ca_file cannot be used.") from error
        return self._trusted


@contextmanager
def _having(place: threading.Lock | threading.BoundedSemaphore, wait_s: float) -> Generator[None]:
    if not place.acquire(timeout=wait_s):
        raise _away("it is too slow")
    try:
        yield
    finally:
        place.release()


def _content(name: str) -> str:
    """Return what a file with a credential says, read anew each time."""
    file = Path(name)
    try:
        mode, text = file.stat().st_mode, file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise _refused(f"The file {name}, with which nbkeep signs in to Vault, cannot be read.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise _refused(f"The file {name} is not used: others than its owner may read it (mode 0600).")
    if not text or not text.isascii() or not text.isprintable():
        raise _refused(f"The file {name} does not hold one line of text.")
    return text


def _object(answer: httpx.Response, name: str) -> dict[str, Any]:
    """Return an object of an answer in JSON."""
    try:
        found: Any = answer.json()[name]
        return dict[str, Any](found)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _away(f"its answer ({answer.status_code}) is none of a Vault") from None


def _refused(message: str) -> Refused:
    return Refused("vault-refused", message, "An admin sets this right; until then the secret is not used.",
                   status=409)  # fmt: skip


def _away(why: str, *, was_sent: bool = False) -> Unavailable:
    kind = Unanswered if was_sent else Unavailable
    return kind("vault-away", f"Vault cannot be asked: {why}.", "Try again in a moment.")
