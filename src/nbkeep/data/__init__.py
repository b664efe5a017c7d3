"""The catalogue of datasets: where they lie, how sensitive they are, who owns them, who has read them.

`endpoint.py` is the gateway's part: it reads objects for sessions. Writes nothing, gives no key out.
"""
