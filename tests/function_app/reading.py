"""Reading a video's packets, as preprocessing does."""

from pathlib import Path

from function_app.media.frame_index import FrameIndex
from function_app.media.picture import picture_of
from function_app.media.probe import check_limits, find_video, open_video
from function_app.settings import Settings
from gpu_worker.plan import Picture


def probe(file: Path, limits: Settings) -> tuple[FrameIndex, Picture]:
    """Read a whole file as preprocessing does."""
    with file.open("rb") as content, open_video(content, file.name) as container:
        stream = find_video(container, file.name)
        check_limits(container, stream, file.name, limits)
        index = FrameIndex(stream, file.name, limits)
        for packet in container.demux(stream):
            index.add(packet)
        index.flush()
        return index, picture_of(index.first_frame(), stream)
