"""Released documents that others may look at: for whom, until when, and who has looked.

Never decides whether a document may leave, never changes one, and gives nothing to whom it is not for.
"""
