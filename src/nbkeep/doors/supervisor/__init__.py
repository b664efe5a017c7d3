"""Keeps warden, office, hub and proxy alive on one machine.

It knows no sessions: those belong to none of the six.
"""
