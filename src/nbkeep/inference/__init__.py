"""APIs of models: which there are, what they cost, who used how much, and who may use how much in a month.

Counts tokens and money. Never sees what was asked of a model, or answered.
"""
