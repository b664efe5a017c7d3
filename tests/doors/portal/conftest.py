"""Fixtures of these tests."""

from portal_parts import portal

__all__ = ["portal"]
