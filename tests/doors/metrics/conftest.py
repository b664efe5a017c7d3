"""Fixtures of these tests."""

from office_parts import any_office, office

__all__ = ["any_office", "office"]
