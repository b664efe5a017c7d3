"""The configuration of one installation: `DATA/config.toml`, overridden by `NBKEEP_*` in the environment."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nbkeep.keyplace import KeyPlace, where_of
from nbkeep.model import mailing
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_duration_s, parse_size_bytes
from nbkeep.settingcheck import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return NBKEEP_DATA, else /var/lib/nbkeep for root and ~/.local/share/nbkeep for anybody else."""
    environ = os.environ if environ is None else environ
    if environ.get("NBKEEP_DATA"):
        return Path(environ["NBKEEP_DATA"]).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/nbkeep")
    return Path.home() / ".local/share/nbkeep"


def _no_places() -> dict[str, str]:
    return {}


def _no_gpus() -> dict[str, int]:
    return {}


@dataclass(frozen=True)
class Settings:
    """Everything that an operator may set. Each field is also `NBKEEP_<NAME>` in the environment."""

    data_dir: Path
    # Where browsers reach the portal. Sessions live on subdomains of its host name.
    public_url: str = "http://localhost:8000"
    # Address and port on which the proxy listens; loopback until the operator says otherwise.
    listen: str = "127.0.0.1:8000"
    # Danger: sessions then share the portal's origin, and script in any notebook's output acts as whoever
    # opens it. Only for hosts that cannot have wildcard names, and only where all users trust each other.
    unsafe_shared_origin: bool = False
    # A SQLAlchemy URL; "" is the SQLite file in the data directory. PostgreSQL: postgresql+psycopg://…
    database_url: str = ""
    # The unit of all prices (ISO 4217).
    currency: str = "EUR"
    # How many times the host's CPU may be promised: notebooks are idle most of the time.
    cpu_overcommit: float = 4.0
    # How many times the host's memory may be promised: a limit is a ceiling, and few sessions touch theirs.
    # Above 1 the host itself may run out; at 1 it cannot.
    memory_overcommit: float = 2.0
    # GPUs to count where no NVIDIA driver can be asked, such as {a100 = 2} (environment: "a100=2,t4=1").
    gpus: dict[str, int] = field(default_factory=_no_gpus)
    # Whether servers and kernels are forked from processes that have imported what they need.
    warm_starts: bool = True
    # Whether a session with warm starts keeps one kernel in reserve, so that the next notebook opens at once.
    spare_kernels: bool = True
    # How long running cells may go on when their session ends and its profile keeps state; then they are
    # interrupted, and their variables are saved.
    cell_grace_s: int = 60
    # How long an idle session that keeps state is only frozen, where the host can do that: it goes on at once
    # when its user comes back. Then it is suspended; 0: at once.
    frozen_s: int = 900
    # How many suspended sessions a person may have, and of how many bytes in all. Beyond that the oldest are
    # deleted a day after their user was told.
    max_suspended_sessions: int = 20
    max_suspended_bytes: int = 64 << 30
    # What a person gets who is invited without saying otherwise.
    default_max_sessions: int = 3
    default_home_size_bytes: int = 10 << 30
    # The most that the fresh home of a session in quarantine holds, where homes have a size.
    quarantine_home_bytes: int = 2 << 30
    # Where the secret of saved variables lies: "" is `secrets/state-key` of the data directory, "file:/PATH"
    # a file outside of it, so that a copy of the data alone cannot be read, "env:NAME" a variable in
    # the office's environment.
    state_key: str = ""
    # More such places by name, for profiles to choose: {research = "file:/etc/nbkeep/research-key"}.
    state_keys: dict[str, str] = field(default_factory=_no_places)
    # Where the master key of secrets lies: "" is `secrets/vault-key` of the data directory, "file:/PATH" a
    # file outside of it, "env:NAME" an environment variable of the office.
    vault_key: str = ""
    # Where the secret lies of which the key is made that signs the audit journal: written like vault_key.
    audit_key: str = ""
    # Hosts to which the audit may be sent on although they are this machine, its link, its cloud's metadata.
    forward_special_hosts: tuple[str, ...] = ()
    # A HashiCorp Vault or OpenBao in which values of secrets lie: its address, a namespace there, how the
    # office signs in ("token:/FILE" or "approle:/FILE-WITH-ROLE-ID,/FILE-WITH-SECRET-ID"), where AppRole is
    # mounted, and a file of the authorities that it is trusted by.
    vault_url: str = ""
    vault_namespace: str = ""
    vault_login: str = ""
    vault_approle_path: str = "approle"
    vault_ca_file: str = ""
    # What no session may ever reach, whatever its profile allows: rules such as "paste.example.com".
    egress_denylist: tuple[str, ...] = ()
    # A file of certificates (PEM) of authorities inside the organisation, trusted beside the system's own.
    egress_ca_file: str = ""
    # From how many bytes that a session sends in a day, or in one connection, there is an alarm; 0: none.
    alarm_volume_bytes: int = 1 << 30
    alarm_upload_bytes: int = 100 << 20
    # For how long at most a person may be granted what their profile's ask-list has.
    grants_max_s: int = 8 * 3600
    # Danger: admins then may approve what they asked for themselves, and nobody else looks at it.
    grants_self_approval: bool = False
    # How long a document that may leave waits for its author to take it.
    release_valid_s: int = 7 * 86400
    # How long documents that left are kept once it is over; what is shared stays while it is.
    releases_retention_s: int = 90 * 86400
    # How much the kept copies of one person's documents may hold: the disk is everybody's.
    releases_max_bytes: int = 2 << 30
    # Hosts to which git pushes: what a session sends there is read where a policy at the gate push is set.
    forges: tuple[str, ...] = (
        "github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht", "dev.azure.com",
        "*.visualstudio.com", "gitea.com", "huggingface.co", "hf.co",
    )  # fmt: skip
    # How large at most what is pushed at once: it is read as a whole, and what is larger is not sent.
    push_max_bytes: int = 256 << 20
    # Danger: documents released to "anyone" are then seen by whoever has the link, without signing in.
    share_with_anyone: bool = False
    # For how long at most a released document is shared by a link, and stands in the gallery.
    share_max_s: int = 30 * 86400
    gallery_max_s: int = 365 * 86400
    # Whether a session that has read personal data (pii) loses the public internet for the rest of its time.
    pii_closes_internet: bool = True
    # Where the token lies with which metrics may be read: "file:/PATH" or "env:NAME"; "": API tokens alone.
    metrics_token: str = ""
    # The address to which traces of starts are sent (OTLP over HTTP); "": none are made.
    traces_endpoint: str = ""
    # How long the record of connections is kept.
    connections_retention_s: int = 90 * 86400
    # How long each call of a model is on record: this month is compared with the same one a year ago.
    model_calls_retention_s: int = 400 * 86400
    # How long it stays on record which session held what from when to when; sums of days stay. 0: for ever.
    intervals_retention_s: int = 400 * 86400
    # How long a sign-up or reset link works.
    invitation_valid_s: int = 72 * 3600
    # How long a browser stays signed in.
    sign_in_valid_s: int = 12 * 3600
    # The server that mail is given to, HOST or HOST:PORT; "": no mail is sent.
    mail_server: str = ""
    # Whom mail is from: an address that the server lets the platform send for.
    mail_from: str = ""
    # How the server is reached: "starttls" (port 587), "tls" (465), "none" (25, within this machine alone).
    mail_security: str = "starttls"
    # A file of the authorities (PEM) that the server is trusted by; "": the system's.
    mail_ca_file: str = ""
    # The name to sign in with there, and where its password lies: "file:/PATH" or "env:NAME".
    mail_user: str = ""
    mail_password: str = ""
    # Which notices come by mail to who has not chosen: "important", "all" or "off".
    mail_notices: str = mailing.IMPORTANT
    # Who gets the report of each day: "admins", login names, addresses; and from which hour on (UTC).
    mail_report_to: tuple[str, ...] = ()
    mail_report_hour: int = 6
    # First user id of the ranges given to users when nbkeep runs as root (65,536 ids each).
    uid_base: int = 2_000_000_000

    def __post_init__(self) -> None:
        check(self)

    @property
    def store_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'nbkeep.db'}"

    @property
    def run_dir(self) -> Path:
        """Sockets and status files of running processes."""
        return self.data_dir / "run"

    @property
    def secrets_dir(self) -> Path:
        """Tokens between the platform's own processes (0700)."""
        return self.data_dir / "secrets"

    def state_key_at(self, name: str = "") -> Path | str:
        """Return the file, or the variable, with the secrets that keys of saved variables are made of.

        `name`: one of `state_keys`, "" the platform's own. Raises KeyError.
        """
        return where_of(self.state_keys[name] if name else self.state_key, self.secrets_dir / "state-key")

    @property
    def vault_key_at(self) -> Path | str:
        """The file, or the variable, with the master keys of secrets."""
        return where_of(self.vault_key, self.secrets_dir / "vault-key")

    @property
    def audit_key_at(self) -> Path | str:
        """The file, or the variable, with the secrets of the key that signs the audit journal."""
        return where_of(self.audit_key, self.secrets_dir / "audit-key")

    @property
    def mail(self) -> mailing.MailServer | None:
        """The server that mail is given to, or None where mail is not set up."""
        return mailing.mail_server(self.mail_server, self.mail_security) if self.mail_server else None

    @property
    def mail_password_at(self) -> KeyPlace:
        """Where the password of the mail server lies."""
        remedy = "Put it there (a file with mode 0600, one line), or correct the setting mail_password."
        where = where_of(self.mail_password, Path("/nowhere"))
        return KeyPlace(where, "mail-password", "The password of the mail server", remedy)

    @property
    def logs_dir(self) -> Path:
        """Log files."""
        return self.data_dir / "logs"

    @property
    def incidents_dir(self) -> Path:
        """The evidence of incidents; only the operator's own account reads it."""
        return self.data_dir / "incidents"

    @property
    def documents_dir(self) -> Path:
        """Copies of documents that somebody asked to let leave, and what was made of them."""
        return self.data_dir / "documents"

    @property
    def pushes_dir(self) -> Path:
        """What reviewers are shown of pushes, and what is just being examined."""
        return self.data_dir / "pushes"

    @property
    def images_dir(self) -> Path:
        """Built images."""
        return self.data_dir / "images"

    @property
    def office_socket(self) -> Path:
        """Where the office listens."""
        return self.run_dir / "office/office.sock"

    @property
    def hub_socket(self) -> Path:
        """Where the hub listens."""
        return self.run_dir / "hub/hub.sock"

    @property
    def warden_socket(self) -> Path:
        """Where the warden listens."""
        return self.run_dir / "warden/warden.sock"

    @property
    def gateway_dir(self) -> Path:
        """What the gateway keeps for itself: records that the office has not taken yet."""
        return self.run_dir / "gateway"

    @property
    def gateway_socket(self) -> Path:
        """Where the gateway tells that it works; sessions have sockets of their own."""
        return self.gateway_dir / "gateway.sock"

    def secret(self, name: str) -> str:
        """Return the content of `secrets/NAME`, read anew each time; raise `Refused` where there is none."""
        try:
            return (self.secrets_dir / name).read_text().strip()
        except OSError as error:
            raise Refused(
                "no-secret",
                f"The platform's secret {name!r} cannot be read ({error.strerror}).",
                "Run `nbkeep up` as the user who owns the data directory; it makes what is missing.",
            ) from error

    @classmethod
    def load(cls, data_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Read config.toml and the environment; raise `Refused` (400) that names what is wrong and where."""
        environ = os.environ if environ is None else environ
        data_dir = (data_dir or default_data_dir(environ)).absolute()
        file = data_dir / "config.toml"
        values: dict[str, Any] = {}
        try:
            values = tomllib.loads(file.read_text())
        except (FileNotFoundError, NotADirectoryError):
            pass  # every setting has a default
        except OSError as error:
            raise Refused("data-dir", f"{file} cannot be read: {error.strerror}.",
                          "Use a data directory of your own: set NBKEEP_DATA.") from error  # fmt: skip
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise invalid(
                "config", f"{file} cannot be read: {error}.", "Correct it and start again."
            ) from error
        known = {setting.name for setting in fields(cls)} - {"data_dir"}
        unknown = sorted(set(values) - known)
        if unknown:
            raise invalid("config", f"{file} has unknown settings: {', '.join(unknown)}.",
                          f"Known ones: {', '.join(sorted(known))}.")  # fmt: skip
        values |= {
            name: environ[f"NBKEEP_{name.upper()}"] for name in known if f"NBKEEP_{name.upper()}" in environ
        }
        return cls(data_dir=data_dir, **{name: _typed(name, value) for name, value in values.items()})


def _gpus(value: Any) -> dict[str, int]:
    """Return the counts of a table ({a100 = 2}) or of text ("a100=2,t4=1")."""
    if isinstance(value, dict):
        return {str(kind).lower(): int(count) for kind, count in cast("dict[str, Any]", value).items()}
    pairs = (part.partition("=") for part in str(value).split(",") if part.strip())
    return {kind.strip().lower(): int(count) for kind, _, count in pairs}


def _places(value: Any) -> dict[str, str]:
    """Return the places of a table ({a = "file:/x"}) or of text ("a=file:/x,b=env:Y")."""
    if isinstance(value, dict):
        return {str(name): str(place) for name, place in cast("dict[str, Any]", value).items()}
    pairs = (part.partition("=") for part in str(value).split(",") if part.strip())
    return {name.strip(): place.strip() for name, _, place in pairs}


def _list(value: Any) -> tuple[str, ...]:
    """Return the entries of a list, or of text with commas between them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    entries: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in entries):
        raise TypeError("not a list of texts")
    return tuple(entries)


def _typed(name: str, value: Any) -> Any:
    """Return a setting from a file or the environment in its field's type."""
    try:
        return _READERS[name](value)
    except (TypeError, ValueError) as error:
        raise invalid(
            name.replace("_", "-"), f"{value!r} is not a value for {name}.", "Correct it."
        ) from error


def _duration_or_none(value: Any) -> int:
    """Return seconds; "0" means none at all, which a duration cannot be."""
    return 0 if str(value).strip() in {"0", "0s", "0min"} else parse_duration_s(value)


def _size_or_none(value: Any) -> int:
    """Return bytes; "0" means none at all."""
    return 0 if str(value).strip() == "0" else parse_size_bytes(value)


def _yes_or_no(value: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


# How each setting is read from a file or the environment, where everything is text.
_READERS: dict[str, Callable[[Any], Any]] = {
    "public_url": lambda value: str(value).rstrip("/"),
    "listen": str,
    "unsafe_shared_origin": _yes_or_no,
    "database_url": str,
    "currency": str,
    "cpu_overcommit": float,
    "memory_overcommit": float,
    "gpus": _gpus,
    "warm_starts": _yes_or_no,
    "spare_kernels": _yes_or_no,
    "cell_grace_s": parse_duration_s,
    "frozen_s": _duration_or_none,
    "state_key": str,
    "state_keys": _places,
    "vault_key": str,
    "audit_key": str,
    "forward_special_hosts": _list,
    "vault_url": str,
    "vault_namespace": str,
    "vault_login": str,
    "vault_approle_path": str,
    "vault_ca_file": str,
    "max_suspended_sessions": int,
    "max_suspended_bytes": parse_size_bytes,
    "egress_denylist": _list,
    "egress_ca_file": str,
    "alarm_volume_bytes": _size_or_none,
    "alarm_upload_bytes": _size_or_none,
    "grants_max_s": parse_duration_s,
    "grants_self_approval": _yes_or_no,
    "release_valid_s": parse_duration_s,
    "releases_retention_s": parse_duration_s,
    "releases_max_bytes": parse_size_bytes,
    "forges": _list,
    "push_max_bytes": parse_size_bytes,
    "share_with_anyone": _yes_or_no,
    "share_max_s": parse_duration_s,
    "gallery_max_s": parse_duration_s,
    "pii_closes_internet": _yes_or_no,
    "metrics_token": str,
    "traces_endpoint": str,
    "connections_retention_s": parse_duration_s,
    "model_calls_retention_s": parse_duration_s,
    "intervals_retention_s": _duration_or_none,
    "default_max_sessions": int,
    "default_home_size_bytes": parse_size_bytes,
    "quarantine_home_bytes": parse_size_bytes,
    "invitation_valid_s": parse_duration_s,
    "sign_in_valid_s": parse_duration_s,
    "mail_server": str,
    "mail_from": str,
    "mail_security": str,
    "mail_ca_file": str,
    "mail_user": str,
    "mail_password": str,
    "mail_notices": str,
    "mail_report_to": _list,
    "mail_report_hour": int,
    "uid_base": int,
}
if _READERS.keys() != {setting.name for setting in fields(Settings)} - {"data_dir"}:
    raise AssertionError("every setting needs its line in _READERS")
