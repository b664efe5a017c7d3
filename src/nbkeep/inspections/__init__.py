"""Documents that somebody had looked into before opening them, kept for that person alone.

Never runs a document, lets nothing out, and shows nothing to anybody else.
"""
