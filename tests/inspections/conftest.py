"""Fixtures of these tests."""

from office_parts import office
from portal_parts import portal

__all__ = ["office", "portal"]
