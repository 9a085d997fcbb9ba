"""Types of the part of ffmpeg-python 0.2 that this project uses; it brings none itself."""

from collections.abc import Sequence

from ffmpeg.nodes import FilterableStream, OutputStream

class Error(Exception):
    stdout: bytes
    stderr: bytes

def input(filename: str, **options: object) -> FilterableStream: ...
def filter(
    stream_spec: Sequence[FilterableStream], filter_name: str, *args: object, **kwargs: object
) -> FilterableStream: ...
def output(*streams_and_filename: FilterableStream | str, **kwargs: object) -> OutputStream: ...
