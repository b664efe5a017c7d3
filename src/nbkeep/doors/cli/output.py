"""What a command prints: tables for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import sys


def print_error(message: str, remedy: str = "") -> None:
    """Print one message and its next step on stderr."""
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red}Error:{plain} {message}", file=sys.stderr)
    if remedy:
        print(f"       {remedy}", file=sys.stderr)
