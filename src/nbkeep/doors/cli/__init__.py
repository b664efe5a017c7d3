"""The `nbkeep` command line: one file for each noun or verb, each with `register(app)`.

Talks to the office through the public REST API and nothing else; so it can do what the portal can, and
no more. Never opens the database. Importing a verb imports nothing heavy: `nbkeep --help` stays quick.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and exit with its code (0 done, 1 refused, 2 wrong usage)."""
    from .app import run  # kept out of the import of the package, which others make for its names

    sys.exit(run(sys.argv[1:]))
