"""Frames on their way: decoded from a video, turned into RGB and back, encoded; stills of them.

Imported by ranks and learning; imports files, errors and the plan: no networks, no MPI.
"""
