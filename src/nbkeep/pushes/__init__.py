"""Commits that git sends to a forge: read at the gateway, examined, judged, held for a review, let out once.

It never lets out what was not examined, keeps no value that was found, and changes nothing of what git sends.
"""
