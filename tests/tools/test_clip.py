from itertools import pairwise
from pathlib import Path

import av

from tools import clip


def test_the_clip_is_whole_and_moves_and_sounds(tmp_path: Path) -> None:
    clip.make(file := tmp_path / "clip.mp4")
    with av.open(str(file)) as container:
        pictures = [frame.to_ndarray() for frame in container.decode(container.streams.video[0])]
    with av.open(str(file)) as container:
        loudest = max(abs(frame.to_ndarray()).max() for frame in container.decode(audio=0))
    assert len(pictures) == clip.SECONDS * clip.RATE
    assert all((now != then).any() for now, then in pairwise(pictures))
    assert 0.1 < loudest <= 1
