"""What keeps a deployment well: timers that find what was lost or left, and a look at all of it.

Imported by `app` and `doctor`; imports triggers, instances and everything below them.
"""
