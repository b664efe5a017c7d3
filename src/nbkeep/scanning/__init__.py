"""Finds secrets and personal data in documents: read as what they are, not as bytes.

`documents/` makes texts of a file, each with its place; `decode.py` adds the texts that hide in them; a
`Detector` (`interface.py`) says what is in a text; `scan.py` joins the three. Never sends anything anywhere,
never keeps a value: what leaves this room is masked. What could not be read is a result of its own, never
silently clean.
"""
