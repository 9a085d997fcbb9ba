"""Videos as containers, tracks, packets and timestamps; never pixels.

Imported by the stages; imports `options` and the streams of `store`, and knows nothing of jobs on
their way, of Azure Machine Learning or of the API.
"""
