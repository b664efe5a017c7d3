"""What admins and auditors see at a glance: figures, and sheets of numbers that charts are drawn from.

It reads what other rooms have counted and writes nothing. Pages, CSV and API are made of the same sheets.
"""
