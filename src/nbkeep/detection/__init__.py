"""What an organisation has found beside what nbkeep finds by itself, by its own rules; whether a key works.

`records.py` says which rules hold, `check.py` tries a file of rules in a jail, `change.py` sets and unsets;
`providers.py` (pure) knows who can say whether a key works, `liveness.py` whom to ask, `asking.py` asks. It
never looks through a document itself: that does `scanning/`, with the rules that this room gives. It keeps
no value.
"""
