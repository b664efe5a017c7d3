"""A session from request to end: may it start, start, progress, limits, extend, access, stop, diagnose.

Decides and records; asks the hub to start and stop servers. Never touches a process and never trusts what
comes from a sandbox.
"""
