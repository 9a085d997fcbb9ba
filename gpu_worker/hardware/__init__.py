"""What a rank computes on: its device, cores, memory, and the number format that suits them.

Imported by all that computes; imports errors and the plan alone.
"""
