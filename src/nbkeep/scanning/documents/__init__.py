"""Makes texts of a document, each with its place: a reader for each format, chosen by what the file holds.

`read.py` chooses. A reader yields `Part`s, and an `Unread` for each thing that it could not read; it raises
nothing for any content, and its work is bounded by `Limits`.
"""
