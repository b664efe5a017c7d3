"""The whole configuration as one document: read it, compare it, apply it. It round-trips and holds no secret.

A section that is there says everything about its kind: what it lacks is deleted, so `dry_run` shows deletions
too. A section that is not there is left alone. People are neither made nor deleted here, only their role,
status and limits are set; settings are shown for comparison and changed in config.toml; prices are set and
never taken back. `sections.py` lists the kinds, `document.py` reads and writes the text, `apply.py` does it.
"""
