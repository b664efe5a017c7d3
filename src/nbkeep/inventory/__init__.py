"""What there is: sessions, images, data, places reached, people and credentials, each with whose it is.

It reads what other rooms keep, one question for each kind, and changes nothing. Of a credential it knows
where it is and since when, never its value.
"""
