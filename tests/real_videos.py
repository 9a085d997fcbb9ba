"""Where real videos are, if this checkout has some beside it."""

from pathlib import Path

REAL_VIDEOS = Path(__file__).parents[2] / "shared" / "data" / "videos"
