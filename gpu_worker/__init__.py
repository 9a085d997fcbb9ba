"""Paints the frames of a video. Knows pixels and file paths; nothing of Azure, blobs or jobs."""
