"""What people are told: notices in portal and JupyterLab, and mail, put in with what they tell of.

A message says who and what about; its words are made when it is sent. Never decides, never keeps a secret.
"""
