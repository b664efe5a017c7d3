"""Lists what a notebook or a script would do if it were run, by cell and line, heaviest first.

Never runs, imports or unpickles anything of it, and says what it could not read.
"""
