"""Tables of database roles that a Vault made for sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class DatabaseLoginRow(Table):
    """A user name and password that a Vault made for one lease of one session, until the Vault has ended it.

    Which of a lease's logins counts: the one with the highest number that is not closing.
    """

    __tablename__ = "database_logins"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    lease_id: Mapped[str] = mapped_column(ForeignKey("secret_leases.id"))
    number: Mapped[int]  # 1, 2, … of the lease
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    path: Mapped[str] = mapped_column(String(300))  # MOUNT/creds/ROLE
    user_name: Mapped[str] = mapped_column(String(63))  # of the database
    # By it a Vault renews and revokes. No password, yet told to nobody: who may ask the Vault could end
    # others' roles with it. In clear, since it must be revoked even when the master key is gone.
    vault_lease: Mapped[str] = mapped_column(String(400))
    # Sealed as secrets are; NULL once it is closing.
    master_key_id: Mapped[str | None] = mapped_column(String(16))
    wrapped_key: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime]
    asked_at: Mapped[datetime]  # when the Vault last said that it counts
    lasts_s: Mapped[int]  # as long as the Vault gave at first
    ends_at: Mapped[datetime]
    is_renewable: Mapped[bool]
    renew_at: Mapped[datetime | None]  # NULL: a renewal would give no more
    closing_at: Mapped[datetime | None]  # since when it is to be revoked
    close_reason: Mapped[str | None] = mapped_column(String(24))
    closed_at: Mapped[datetime | None]  # once the Vault says that it is
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(400), default="")

    __table_args__ = (
        Index("one_login_per_number", "lease_id", "number", unique=True),
        # What a Vault, or a cache before it, gives twice is given to nobody a second time.
        Index("one_login_per_vault_lease", "vault_lease", unique=True),
        Index("one_login_per_user", "user_name", unique=True, sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
        Index("logins_to_look_after", "id", sqlite_where=text("closed_at IS NULL"),
              postgresql_where=text("closed_at IS NULL")),
    )  # fmt: skip
