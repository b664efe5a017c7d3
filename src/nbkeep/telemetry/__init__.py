"""What the parts tell about their own work: instruments that are scraped, spans of a start that are sent.

Never the name of a person, a host, a path or anything that a user wrote: labels are few, and known before.
"""
