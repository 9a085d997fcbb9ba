"""The networks that paint, and the arithmetic that they are made of.

Imported by styles, learning and ranks; imports `hardware` alone, so that a network can be used
without a video or a job.
"""
