"""Who paints when, on how many nodes, for how long and at what price: decisions, no I/O.

Imported by the job's state and everything above it; imports `settings` and the plan.
"""
