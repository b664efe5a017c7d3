"""Documents that leave: copied, examined, judged, reviewed by somebody else, and let out once, as examined.

It never lets out bytes that were not examined, and never keeps what was found in them.
"""
