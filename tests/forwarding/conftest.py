"""Fixtures of these tests."""

from forward_parts import sending

__all__ = ["sending"]
