"""What may leave by which gate: rules of officers for everything, a profile, a project, a class of data.

`rules.py` judges, without I/O: values in, a `Judgement` out. `records.py` reads what applies to a document,
`change.py` sets and unsets, `words.py` says it to people. It never reads a document, and lets nothing out:
that does who asks it.
"""
