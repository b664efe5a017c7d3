"""Roles of databases that a Vault makes: one for each lease, kept alive with its session and ended with it.

Never used for another session, never longer than the Vault lets it, and never forgotten before it is revoked.
"""
