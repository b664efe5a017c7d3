"""What tests of this room use."""

from mail_parts import any_mailing, mailing

__all__ = ["any_mailing", "mailing"]
