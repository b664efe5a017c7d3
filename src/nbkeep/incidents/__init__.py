"""Security incidents: see what somebody, a session or a secret could and did reach, and stop it in one step.

Opening one takes everything away in one transaction; what is to be done outside of the database (freezing,
keeping evidence) is noted there and tried until it is done, whichever process is killed meanwhile. It deletes
nothing, and what it holds goes on only when an admin closes it.
"""
