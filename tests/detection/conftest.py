"""An office for each test, on SQLite and where there is one on PostgreSQL."""

from __future__ import annotations

from office_parts import any_office, office

__all__ = ["any_office", "office"]
