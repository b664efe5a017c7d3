"""The audit journal: events, an append-only hash chain of them, its verification, search and export.

Never forgets and never changes a record. Records hold no secret: not a password, not a token, not a link.
"""
