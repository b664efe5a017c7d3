"""What is unusual in what people use: spend, bytes sent, tokens of models, GPUs that do nothing.

`rules.py` decides, without I/O. `history.py` reads what people used, `raise_alarms.py` raises alarms,
`gpus.py` notes how GPUs are used, `acknowledge.py` and `settings.py` are for people. It never stops
anything: an alarm tells somebody where to look. Single connections are looked at by `egress/alarms.py`.
"""
