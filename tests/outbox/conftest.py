"""What tests of this room use."""

from mail_parts import mailing

__all__ = ["mailing"]
