"""What the process stands on in its host: its identity, its logs and its traces.

Imported by all of the app; imports nothing of it.
"""
