"""What people pick from: flavors (compute and its price) and profiles (image + flavor + limits + policy).

Decides which values are valid and whether a flavor fits the host, keeps both, and puts them in words.
Never starts anything and never asks who somebody is beyond the scopes of the given actor.
"""
