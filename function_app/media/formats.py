"""What FFmpeg calls the format of a container."""

from av.container import Container


def formats_of(container: Container) -> frozenset[str]:
    """Return its names: several where one demuxer reads several formats, as `mov` and `mp4`."""
    return frozenset(container.format.name.split(","))
