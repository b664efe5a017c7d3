"""Remembers what cells read and changed, and tells which of them ran on other inputs than a fresh run would.

It never calls a method of a user's object and never changes a variable. It is loaded by `kernel.py` under a
name of its own, as `state` is, and imports the standard library alone.
"""
