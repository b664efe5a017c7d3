"""Where sessions run: launch, look, stop, homes, and what a host can do.

Never decides who may start what, and never writes to the database: the office has decided before it asks.
"""
