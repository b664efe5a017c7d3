"""Keeps a Python kernel's variables over its end: saves them to, and restores them from, the trusted half.

Runs in the sandbox, under the Python of the user's image, with that user's powers and no others. Holds no
key: what it writes is encrypted, and what it reads was verified, on the other side of the socket. Never saves
environment variables.

`save.Saver` and `restore.restore` are the two ways in; `docs/explanation/kept-state.md` tells users what is
kept.
"""
