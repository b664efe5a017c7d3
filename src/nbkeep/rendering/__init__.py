"""Builds what leaves: documents made anew from what is allowed, in clear and redacted, for people, browsers.

It never decides whether something may leave, never reaches a network, and takes every document for hostile.
"""
