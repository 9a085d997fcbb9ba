"""What the MPI ranks of a run do: draw tickets, paint or describe batches, tell their progress.

Imported by the commands `score` and `smoke`; imports everything below: frames, styles, scorers.
"""
