"""How much people and projects may use: per day, per month, and at once, across profiles.

`parse.py` reads limits, `rules.py` decides, both without I/O; `book.py` reads what is needed for it in a few
questions. `change.py` and `ask.py` write, and `watch.py` tells people and sets the moment of a cut. It never
stops a session, and counts nothing: what is used is the meter's word, what is reserved is read from the
sessions that have been admitted, so that a reservation ends with its session, whatever crashed.
"""
