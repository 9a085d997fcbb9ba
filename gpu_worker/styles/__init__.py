"""The file that a style is, and the pictures within it.

Imported by what learns styles and what paints with them; imports networks, files and errors.
"""
