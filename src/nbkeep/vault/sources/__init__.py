"""Where values may lie: one file for each kind of source, all with the contract of `interface.py`."""
