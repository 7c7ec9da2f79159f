"""Hostile input: one function for each place where something from outside comes in, and what must hold whatever it is.

``targets.TARGETS`` are driven by Hypothesis and by a stored corpus in every test run, and by a coverage-guided engine
with ``make fuzz``.
"""
