"""Which settings cannot work: found when a part starts, not in use."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbkeep.keyplace import check_place
from nbkeep.model import mailing
from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from nbkeep.settings import Settings

# unix(7): a socket's path has at most 107 bytes; the longest below the data directory is
# run/s/ses_<20>/kernels/kernel-<36>-ipc-5, so this much is left for the directory itself.
DATA_DIR_MAX_BYTES = 55
_LONGEST_CELL_GRACE_S = 480
_CURRENCY = re.compile(r"[A-Z]{3}")  # ISO 4217
_KEY_NAME = re.compile(r"[a-z0-9-]{1,40}")
_FORGE = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_SHORTEST_GRANT_S, _LONGEST_GRANT_S = 60, 7 * 86400


def check(settings: Settings) -> None:
    """Raise `Refused` (400) for values that cannot work; they are found at start, not in use."""
    length = len(os.fsencode(settings.data_dir))
    if length > DATA_DIR_MAX_BYTES:
        raise invalid("data-dir", f"The data directory's path has {length} bytes: {settings.data_dir}.",
                      f"Choose one of up to {DATA_DIR_MAX_BYTES}: socket paths end at 107.")  # fmt: skip
    url = urlsplit(settings.public_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path not in {"", "/"}:
        raise invalid("public-url", f"{settings.public_url!r} is not the address of a site.",
                      "Write it like https://notebooks.acme.com, without a path.")  # fmt: skip
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise invalid("listen", f"{settings.listen!r} is not an address and a port.",
                      "Write it like 127.0.0.1:8000.")  # fmt: skip
    if settings.database_url and not settings.database_url.startswith(
        ("sqlite:///", "postgresql+psycopg://")
    ):
        raise invalid("database-url", "The database URL has an unknown form.",
                      "Write sqlite:////path/file.db or postgresql+psycopg://user@host/name.")  # fmt: skip
    for name in (
        "cpu_overcommit",
        "memory_overcommit",
        "invitation_valid_s",
        "sign_in_valid_s",
        "default_home_size_bytes",
        "quarantine_home_bytes",
        "max_suspended_sessions",
        "max_suspended_bytes",
        "connections_retention_s",
        "model_calls_retention_s",
        "share_max_s",
        "gallery_max_s",
        "release_valid_s",
        "releases_retention_s",
        "releases_max_bytes",
        "push_max_bytes",
    ):
        if getattr(settings, name) <= 0:
            raise invalid(name.replace("_", "-"), f"{name} must be above zero.", "Correct it in config.toml.")

    _check_ends(settings)


def _check_ends(settings: Settings) -> None:
    if not _CURRENCY.fullmatch(settings.currency):
        raise invalid(
            "currency", f"{settings.currency!r} is no currency.", "Write its three letters, like EUR."
        )
    _check_mail(settings)
    check_place("state_key", settings.state_key, settings.data_dir)
    check_place("vault_key", settings.vault_key, settings.data_dir)
    check_place("audit_key", settings.audit_key, settings.data_dir)
    check_place("metrics_token", settings.metrics_token, settings.data_dir)
    _check_traces(settings.traces_endpoint)
    for one in settings.forges:
        if not _FORGE.fullmatch(one) or ".." in one:
            raise invalid("forges", f"{one!r} is no host that git pushes to.",
                          "Write names in small letters, like github.com or *.acme.example.")  # fmt: skip
    for name, place in settings.state_keys.items():
        if not _KEY_NAME.fullmatch(name) or name == "platform" or not place:
            raise invalid("state-keys", f"{name!r} is not a name with a place.",
                          'Write it like research = "file:/etc/nbkeep/research-key".')  # fmt: skip
        check_place("state_keys", place, settings.data_dir)
    if not _SHORTEST_GRANT_S <= settings.grants_max_s <= _LONGEST_GRANT_S:
        raise invalid("grants-max-s", f"grants_max_s is {settings.grants_max_s} seconds.",
                      "Give 1min to 7d; what is needed for longer belongs into a profile.")  # fmt: skip
    if not 1 <= settings.cell_grace_s <= _LONGEST_CELL_GRACE_S:
        raise invalid(
            "cell-grace-s",
            f"cell_grace_s is {settings.cell_grace_s}.",
            f"Give 1 to {_LONGEST_CELL_GRACE_S} seconds: whoever ends the session waits for it.",
        )
    if settings.intervals_retention_s < 0:
        raise invalid("intervals-retention-s", "intervals_retention_s is below zero.",
                      "Give a time such as 400d, or 0 to keep them for ever.")  # fmt: skip
    if settings.frozen_s < 0:
        raise invalid(
            "frozen-s", f"frozen_s is {settings.frozen_s}.", "Give a time such as 15min, or 0 for none."
        )


def _check_mail(settings: Settings) -> None:
    mailing.check_choice(settings.mail_notices)
    if not 0 <= settings.mail_report_hour <= 23:
        raise invalid(
            "mail-report-hour", f"mail_report_hour is {settings.mail_report_hour}.", "Give an hour, 0 to 23."
        )
    for one in settings.mail_report_to:
        if "@" in one:
            mailing.check_address("mail-report-to", one)
    if settings.mail is None:
        return
    mailing.check_address("mail-from", settings.mail_from)
    if bool(settings.mail_user) != bool(settings.mail_password):
        raise invalid("mail-user", "mail_user and mail_password belong together.", "Set both, or neither.")
    if settings.mail_password and not settings.mail_password.startswith(("file:", "env:")):
        # What was given may be the password itself: it is not repeated.
        raise invalid("mail-password", "This says not where the password lies; itself it is not kept here.",
                      'Write mail_password = "file:/etc/nbkeep/mail-password", or env:NAME.')  # fmt: skip
    check_place("mail_password", settings.mail_password, settings.data_dir)
    if settings.mail_user and settings.mail_security == mailing.NONE:
        raise invalid("mail-security", "A password is not sent without TLS.",
                      'Set mail_security = "starttls" or "tls", or leave mail_user out.')  # fmt: skip
    if settings.mail_ca_file and not Path(settings.mail_ca_file).is_absolute():
        raise invalid(
            "mail-ca-file", "mail_ca_file is not a whole path.", "Write it like /etc/nbkeep/ca.pem."
        )


def _check_traces(address: str) -> None:
    if not address:
        return
    url = urlsplit(address)
    if url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query or url.fragment:
        # It may have a password in it: what was given is not repeated.
        raise invalid("traces-endpoint", "traces_endpoint is not the address of a collector.",
                      "Write it like http://127.0.0.1:4318/v1/traces; a key goes into the environment, as "
                      "OTEL_EXPORTER_OTLP_HEADERS.")  # fmt: skip
