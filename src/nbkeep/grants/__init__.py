"""Grants: access for a while, asked for with a reason, decided by somebody else, ended by itself.

Knows who asked and what an ask-list lets one ask for; opens nothing by itself: policies take live grants in.
"""
