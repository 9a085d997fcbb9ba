"""Azure Machine Learning: what is submitted there, watched and cancelled.

Imported by activities and everything above them; imports `store` and `settings`, never media.
"""
