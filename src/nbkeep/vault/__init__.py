"""Secrets: kept encrypted, bound to hosts, granted to people, leased to sessions.

A value that was put in is never handed out again but to a gateway, for a live lease. No session holds one.
"""
