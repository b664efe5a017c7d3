"""Fixtures of these tests."""

from office_parts import office

__all__ = ["office"]
