"""Sizes on the command line, clips of that size, and plans for them."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from benchmarks.media import Size, make_clip, plan_of


def test_a_size_is_read_as_it_is_written() -> None:
    assert Size.parse("640x360") == (640, 360)
    assert str(Size(640, 360)) == "640x360"


@pytest.mark.parametrize("text", ["640", "640x", "0x360", "640x361", "-640x360", "640x360x4"])
def test_what_the_networks_cannot_paint_as_it_is_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is not a size like 640x360"):
        Size.parse(text)


def test_a_clip_is_as_large_and_as_long_as_asked(tmp_path: Path) -> None:
    for seconds in (0.4, 5):  # the second one is longer than the demo's
        make_clip(tmp_path / "clip.mp4", seconds, Size(64, 48))
        plan = plan_of(tmp_path / "clip.mp4", 3)
        assert (plan.picture.width, plan.picture.height) == (64, 48)
        assert float(plan.source.duration) == pytest.approx(seconds, abs=0.1)
        assert len(plan.shards) >= 3
