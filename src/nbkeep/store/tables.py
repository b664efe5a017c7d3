"""Every table. Times are UTC, durations in seconds, sizes in bytes, money in 10^-6 of the currency unit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """Timezone-aware UTC in Python; SQLite stores no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse naive datetimes: they would be read back as another moment."""
        if value is not None and value.tzinfo is None:
            raise ValueError("naive datetime given to the database")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Attach UTC where the database dropped the zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of all rows."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        int: BigInteger(),
    }


class UserRow(Table):
    """A person. `name` is the login, the address of their sessions and never reused."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(30), unique=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    role: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))  # invited | active | disabled
    password_hash: Mapped[str | None] = mapped_column(Text)
    uid_index: Mapped[int] = mapped_column(unique=True)  # picks the user id range on hosts run as root
    max_sessions: Mapped[int] = mapped_column(default=3)  # concurrent; 0 = may start nothing
    home_size_bytes: Mapped[int]
    tour_done: Mapped[bool] = mapped_column(default=False)
    held_by: Mapped[str | None] = mapped_column(String(24))  # the open incident that shut them out
    sessions_valid_from: Mapped[datetime]  # browser sessions signed before this moment are void
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None]


class InvitationRow(Table):
    """A link that works once: kind `invite` (first password) or `reset`. Only its hash is kept."""

    __tablename__ = "invitations"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_by: Mapped[str] = mapped_column(String(24))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInLimitRow(Table):
    """Wrong passwords in a row, by name tried (whether it exists or not) or by address."""

    __tablename__ = "sign_in_limits"
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    failed: Mapped[int]
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class ApiTokenRow(Table):
    """An API token of a person. Only its hash is kept; `prefix` lets its owner recognise it."""

    __tablename__ = "api_tokens"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(12))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class FlavorRow(Table):
    """An amount of compute and its price."""

    __tablename__ = "flavors"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    cpu_millis: Mapped[int]
    memory_bytes: Mapped[int]
    gpu_type: Mapped[str] = mapped_column(String(40), default="")
    gpu_count: Mapped[int] = mapped_column(default=0)
    price_per_hour_micros: Mapped[int] = mapped_column(default=0)
    needs_approval: Mapped[bool] = mapped_column(default=False)  # to start, by a grant of the kind flavor
    updated_at: Mapped[datetime]


class ProfileRow(Table):
    """What a user picks: image + flavor + limits + policy."""

    __tablename__ = "profiles"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(String(400), default="")
    image: Mapped[str] = mapped_column(String(200))
    flavor: Mapped[str] = mapped_column(ForeignKey("flavors.name"))
    idle_stop_s: Mapped[int] = mapped_column(default=1800)
    max_session_s: Mapped[int] = mapped_column(default=28800)
    max_extension_s: Mapped[int] = mapped_column(default=14400)  # total that "keep working" may add
    network: Mapped[str] = mapped_column(String(16), default="none")  # interfaces of its own: none
    classification: Mapped[str] = mapped_column(String(16), default="internal")
    record_code: Mapped[bool] = mapped_column(default=False)  # audit keeps code itself, not only its hash
    preimport: Mapped[list[str]] = mapped_column(JSON(), default=list)  # imported before its kernels start
    roles: Mapped[list[str]]  # which roles may start it
    enabled: Mapped[bool] = mapped_column(default=True)
    keep_state: Mapped[bool] = mapped_column(default=True)  # kernels' variables survive a stop
    state_max_bytes: Mapped[int] = mapped_column(default=16 << 30)  # of one session, as it lies on disk
    state_retention_s: Mapped[int] = mapped_column(default=7 * 86400)
    state_key: Mapped[str] = mapped_column(String(40), default="")  # "": the platform's
    frozen_s: Mapped[int | None]  # None: the platform's
    egress_allowlist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    egress_denylist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    egress_asklist: Mapped[list[str]] = mapped_column(JSON(), default=list)
    public_internet: Mapped[bool] = mapped_column(default=False)
    project_hosts: Mapped[bool] = mapped_column(default=False)
    egress_volume_bytes: Mapped[int] = mapped_column(default=0)
    egress_dry_run: Mapped[bool] = mapped_column(default=False)
    packages: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # package policy
    downloads: Mapped[str] = mapped_column(String(12), default="allow")  # or review, deny
    quarantine: Mapped[bool] = mapped_column(default=False)  # its sessions get nothing of their person
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class SessionRow(Table):
    """One run of a workspace. `profile` is a snapshot: later edits of a profile never change it."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(30))  # the hub's server name: its stable address
    profile_name: Mapped[str] = mapped_column(String(40), index=True)
    profile: Mapped[dict[str, Any]]
    # Invariant: what a session was admitted as, it stays; no later change of its profile lets it out.
    quarantine: Mapped[bool] = mapped_column(default=False)
    opens: Mapped[str] = mapped_column(String(200), default="")  # a file of its home that is shown first
    state: Mapped[str] = mapped_column(String(12))
    progress: Mapped[list[dict[str, Any]]] = mapped_column(JSON(), default=list)  # [{at, step, message}]
    token_hash: Mapped[str | None] = mapped_column(String(64), index=True)  # the session's own identity
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_heartbeat_at: Mapped[datetime | None]
    last_work_at: Mapped[datetime | None]
    is_busy: Mapped[bool] = mapped_column(default=False)
    idle_kept_until: Mapped[datetime | None]  # "keep working" moved the idle stop to here
    ends_at: Mapped[datetime | None]  # max session, extensions included
    approved_until: Mapped[datetime | None]  # where its flavor needed an approval; `ends_at` is not later
    quota_ends_at: Mapped[datetime | None]  # a quota is used up then, within minutes
    quota_words: Mapped[str | None] = mapped_column(Text)  # which one, and when it is back
    extended_s: Mapped[int] = mapped_column(default=0)
    memory_used_bytes: Mapped[int | None]
    freeze_asked_at: Mapped[datetime | None]  # it was idle: its server is to save, and to let it be frozen
    frozen_at: Mapped[datetime | None]  # while its kernels and terminals are frozen
    frozen_s: Mapped[float] = mapped_column(default=0.0)  # how long they were in all, before `frozen_at`
    stop_requested_at: Mapped[datetime | None]
    stop_reason: Mapped[str | None] = mapped_column(String(20))
    stop_detail: Mapped[str | None] = mapped_column(Text)
    stopped_by: Mapped[str | None] = mapped_column(String(30))
    run: Mapped[int] = mapped_column(
        default=1
    )  # 2 after the first resume: late news of an earlier run is none
    spent_micros: Mapped[int] = mapped_column(default=0)  # what earlier runs have cost
    kept: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # the saved state, in numbers
    kept_until: Mapped[datetime | None]
    state_key_id: Mapped[str | None] = mapped_column(String(16))  # which key its state is saved with
    over_limit_since: Mapped[datetime | None]  # its user has more suspended than may be, and was told then
    # The open incident for which it neither goes on, nor ends, nor loses what it has saved.
    held_by: Mapped[str | None] = mapped_column(String(24))
    discard_state: Mapped[bool] = mapped_column(default=False)  # somebody, or retention, wants it deleted
    state_pending: Mapped[bool] = mapped_column(
        default=False
    )  # ended, and the node was not asked about it yet

    __table_args__ = (
        # Invariant: one live session per user and name; the database keeps it, whatever a process forgets.
        Index("one_live_session_per_name", "user_id", "name", unique=True,
              sqlite_where=text("state IN ('requested','starting','ready','frozen','stopping')"),
              postgresql_where=text("state IN ('requested','starting','ready','frozen','stopping')")),
        Index("sessions_by_state", "state"),
        Index("sessions_state_pending", "state_pending"),
        Index("sessions_newest_first", "requested_at", "id"),
        Index("sessions_of_user", "user_id", "requested_at", "id"),
    )  # fmt: skip


class NoticeRow(Table):
    """Something that a user must be told in portal and JupyterLab: an admin's visit, a stop, a full home."""

    __tablename__ = "notices"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    session_id: Mapped[str | None] = mapped_column(ForeignKey("sessions.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    dismissed_at: Mapped[datetime | None]


class AccessRow(Table):
    """An admin's leave to enter somebody's session: with a reason, for a limited time."""

    __tablename__ = "session_access"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    admin_id: Mapped[str] = mapped_column(String(24), index=True)
    admin_name: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ReportedEventRow(Table):
    """An event id that a session has already delivered: deliveries may repeat, records may not."""

    __tablename__ = "reported_events"
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class MarkRow(Table):
    """What the loops remember between two runs of the office, such as boot id and clocks when last seen."""

    __tablename__ = "marks"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class SecretRow(Table):
    """A secret: what it is bound to and whose it is, without its value. An ended one keeps its record."""

    __tablename__ = "secrets"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[str] = mapped_column(String(24))  # a user's id, or "operator"
    owner_name: Mapped[str] = mapped_column(String(60))
    hosts: Mapped[list[str]]  # name:port
    kind: Mapped[str] = mapped_column(String(8))  # header | query | basic | sigv4 | postgres
    place: Mapped[str] = mapped_column(String(100))
    template: Mapped[str] = mapped_column(String(400))
    source: Mapped[str] = mapped_column(String(400), default="")  # vault:…, "" where the value is kept here
    env: Mapped[str] = mapped_column(String(100), default="")  # holds the placeholder in sessions
    version: Mapped[int] = mapped_column(default=1)
    held_by: Mapped[str | None] = mapped_column(
        String(24)
    )  # the incident since which no session has it, until it is rotated
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index("one_secret_per_owner_and_name", "owner_id", "name", unique=True,
              sqlite_where=text("revoked_at IS NULL"), postgresql_where=text("revoked_at IS NULL")),
    )  # fmt: skip


class SecretVersionRow(Table):
    """One version of a secret's value, sealed (see `vault/envelope.py`); of older ones the record stays."""

    __tablename__ = "secret_versions"
    secret_id: Mapped[str] = mapped_column(ForeignKey("secrets.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(60))
    master_key_id: Mapped[str | None] = mapped_column(String(16))
    wrapped_key: Mapped[str | None] = mapped_column(Text)  # base64
    sealed: Mapped[str | None] = mapped_column(Text)  # base64


class SecretGrantRow(Table):
    """Whose sessions are leased a secret: a grantee (see `model/grantee.py`)."""

    __tablename__ = "secret_grants"
    secret_id: Mapped[str] = mapped_column(ForeignKey("secrets.id"), primary_key=True)
    grantee: Mapped[str] = mapped_column(String(60), primary_key=True)
    granted_at: Mapped[datetime]
    granted_by: Mapped[str] = mapped_column(String(60))


class SecretLeaseRow(Table):
    """A session's leave to have a secret added to its requests, until its end."""

    __tablename__ = "secret_leases"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    secret_id: Mapped[str] = mapped_column(ForeignKey("secrets.id"), index=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(24))
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        Index("one_live_lease_per_session", "session_id", "secret_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    )  # fmt: skip


class GrantRow(Table):
    """What a person asked for, for a while, in all their sessions of a profile; and what became of it."""

    __tablename__ = "grants"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # what `subject` is: see grants/kinds.py
    subject: Mapped[str] = mapped_column(String(400))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    profile_name: Mapped[str] = mapped_column(String(40))
    session_id: Mapped[str | None] = mapped_column(ForeignKey("sessions.id"))  # where it was missed
    reason: Mapped[str] = mapped_column(Text)
    wanted_s: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))  # see grants/values.py
    requested_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(60))
    expires_at: Mapped[datetime | None]  # once granted
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(60))
    answer: Mapped[str] = mapped_column(Text, default="")  # why it was denied or revoked

    __table_args__ = (
        Index("one_open_request", "user_id", "profile_name", "kind", "subject", unique=True,
              sqlite_where=text("state = 'requested'"), postgresql_where=text("state = 'requested'")),
        Index("grants_by_state", "state", "expires_at"),
        Index("grants_newest_first", "requested_at", "id"),
        Index("grants_of_user", "user_id", "requested_at", "id"),
    )  # fmt: skip


class DeclaredConnectionRow(Table):
    """A declared connection: a place outside that has a name and a port inside of every sandbox."""

    __tablename__ = "declared_connections"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(8))  # tcp | postgres
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    local_port: Mapped[int] = mapped_column(unique=True)
    database_name: Mapped[str] = mapped_column(String(63), default="")
    role: Mapped[str] = mapped_column(String(63), default="")
    tls: Mapped[str] = mapped_column(String(8), default="off")  # verify | require | off
    secret_id: Mapped[str | None] = mapped_column(ForeignKey("secrets.id"))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(60))


class ConnectionGrantRow(Table):
    """Whose sessions may use a declared connection: a grantee (see `model/grantee.py`)."""

    __tablename__ = "connection_grants"
    connection_id: Mapped[str] = mapped_column(ForeignKey("declared_connections.id"), primary_key=True)
    grantee: Mapped[str] = mapped_column(String(60), primary_key=True)
    granted_at: Mapped[datetime]
    granted_by: Mapped[str] = mapped_column(String(60))


class JournalRow(Table):
    """One audit record. Append only: triggers refuse UPDATE and DELETE (see the migration)."""

    __tablename__ = "audit_journal"
    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime]
    type: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(60))
    session_id: Mapped[str | None] = mapped_column(String(24))
    record: Mapped[str] = mapped_column(Text)  # the canonical JSON that was hashed
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        Index("journal_by_type", "type", "seq"),
        Index("journal_by_actor", "actor", "seq"),
        Index("journal_by_session", "session_id", "seq"),
        Index("journal_by_time", "at", "seq"),
    )


class JournalHeadRow(Table):
    """The single row that writers lock: the last sequence number and hash."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
