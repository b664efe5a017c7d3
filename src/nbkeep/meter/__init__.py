"""Who held what, for how long, and what it cost.

`follow.py` is called when a session changes its state, `beat.py` every few seconds,
`homes.py` counts people's homes: they alone write.
`rules.py` decides, without I/O. `report.py` sums up, `prices.py` sets prices.
"""
