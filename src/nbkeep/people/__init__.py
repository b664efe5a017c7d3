"""People: accounts, invitations, passwords, signing in, API tokens.

Knows nothing of sessions and profiles. Keeps no password, token or link, only what verifies them.
"""
