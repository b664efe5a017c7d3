"""Tables of models' APIs: who offers them, what they cost, who may use how much, and who did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .tables import Table


class ModelProviderRow(Table):
    """An API of models: requests to its host are metered."""

    __tablename__ = "model_providers"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))  # openai | anthropic
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    prefix: Mapped[str] = mapped_column(String(200), default="")  # of paths; "" for all of the host
    added_at: Mapped[datetime]


class ModelPriceRow(Table):
    """What a million tokens cost from a moment on, in microcents. Append only: calls keep their price."""

    __tablename__ = "model_prices"
    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    provider: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(100))  # or the beginning of names, and a *
    input: Mapped[int]
    output: Mapped[int]
    cached: Mapped[int]
    valid_from: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))

    __table_args__ = (Index("model_prices_of_provider", "provider", "valid_from"),)


class ModelBudgetRow(Table):
    """What models may cost in a month, in microcents. `scope`: user:NAME, everyone (for each), total."""

    __tablename__ = "model_budgets"
    scope: Mapped[str] = mapped_column(String(40), primary_key=True)
    limit: Mapped[int]
    changed_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(String(60))


class ModelSpendingRow(Table):
    """What a month cost so far, in microcents: of a user (by id), or in `total`."""

    __tablename__ = "model_spending"
    scope: Mapped[str] = mapped_column(String(24), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)  # 2026-11, UTC
    spent: Mapped[int] = mapped_column(default=0)
    # The budget (and its version) of which people were told that it is nearly, or all, used.
    warned_of: Mapped[str] = mapped_column(String(80), default="")
    ended_of: Mapped[str] = mapped_column(String(80), default="")


class ModelCallRow(Table):
    """One call of a model, as a gateway reported it: numbers, never what was asked or answered."""

    __tablename__ = "model_calls"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # the gateway's: a repeat is harmless
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    day: Mapped[str] = mapped_column(String(10))  # of `at`, UTC: what is summed up
    provider: Mapped[str] = mapped_column(String(40))
    operation: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    streamed: Mapped[bool]
    status: Mapped[int]
    measure: Mapped[str] = mapped_column(String(12))  # see egress/usage.py
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    tokens_cached: Mapped[int]
    cost: Mapped[int | None] = mapped_column(BigInteger())  # microcents; None: no price was known
    reason: Mapped[str] = mapped_column(String(200))
    duration_s: Mapped[float]

    __table_args__ = (
        Index("model_calls_by_day", "day"),
        Index("model_calls_of_user", "user_id", "day"),
        Index("model_calls_of_session", "session_id", "day"),
        # All that days are summed up from: millions of calls are read without looking at one of them.
        Index("model_calls_sums", "day", "model", "user_id", "tokens_in", "tokens_out", "cost"),
    )
