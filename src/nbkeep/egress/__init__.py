"""What may go out of a session: rules, and the gateway that keeps them. Never asks who a person is.

`rules.py` decides and knows no socket; `gateway.py` moves bytes and knows no policy.
"""
