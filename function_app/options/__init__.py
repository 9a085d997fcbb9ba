"""What an uploader may choose for a video, as metadata of its blob.

Imported by what keeps, reads and joins videos, and by the API; imports `errors` alone.
"""
