"""Words of the domain without any I/O: ids, clock, units, errors, actors, verdicts.

Never touches a file, a socket, a database or the wall clock except through `SystemClock`.
"""
