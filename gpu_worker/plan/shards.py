"""Shards: frames that one rank paints into one file, and where a video is cut into them."""

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LINES_SUFFIX = ".jsonl"
MOST_DECODED = 16
"""Times that a video may be decoded, all shards together, before there are fewer of them."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The frames `[first, last)` of a plan, painted or described by one rank into one file.

    Attributes:
        index: of the shard among the plan's.
        first: frame.
        last: frame after its last.
        suffix: of the file's name: `.mp4`, or `LINES_SUFFIX` where frames are described.
        entry: frame at or before `first` at which a decoder can enter, so that from there on it
            gives what decoding from the start gives; 0 is the start itself.
    """

    index: int
    first: int
    last: int
    suffix: str = ".mp4"
    entry: int = 0

    def __len__(self) -> int:
        """Count the frames."""
        return self.last - self.first

    @property
    def name(self) -> str:
        """File name of the shard."""
        return f"{self.index:05d}{self.suffix}"

    @property
    def proxy_name(self) -> str:
        """File name of the shard as it was, small; only where the plan wants it."""
        return f"{self.index:05d}.before.m4v"

    @property
    def damage_name(self) -> str:
        """File name of the list of frames that did not decode; absent where all did."""
        return f"{self.index:05d}.damage.json"


def cut_shards(
    pts: Sequence[int],
    entries: Iterable[int],
    *,
    longest: int,
    at_least: int,
    lead: int = 0,
) -> tuple[Shard, ...]:
    """Cut a video into shards that are even in length and start at entries where some are near.

    Decoding starts at an entry, so a shard that starts elsewhere decodes some frames twice. That
    is cheap beside painting, and many short clips have one entry only; so evenness comes first,
    and a boundary moves to an entry only within a quarter of a shard's length. Where entries are
    so rare that the video would be decoded `MOST_DECODED` times over, shards are longer.

    Args:
        pts: timestamp of each frame, rising.
        entries: timestamps of the frames at which a decoder can enter, in any order; that it can
            at the first frame need not be said.
        longest: frames in a shard at most, before its ends move to entries, where entries are not
            rare.
        at_least: how many shards there should be, as far as there are frames for them.
        lead: frames before its first that a shard needs to see.

    Returns:
        Consecutive shards that cover every frame once.
    """
    total = len(pts)
    least = min(total, at_least)
    count = max(least, -(-total // longest))
    position = {tick: frame for frame, tick in enumerate(pts)}
    starts = sorted({0} | {position[tick] for tick in entries if tick in position})
    shards = _cut(total, count, starts, lead)
    while count > least and sum(s.last - s.entry for s in shards) > MOST_DECODED * total:
        count = max(least, count // 2)
        shards = _cut(total, count, starts, lead)
    return shards


def _cut(total: int, count: int, starts: Sequence[int], lead: int) -> tuple[Shard, ...]:
    reach = total // count // 4
    cuts = [0]
    for part in range(1, count):
        even = total * part // count
        near = _nearest(starts, even)
        cuts.append(near if abs(near - even) <= reach else even)
    return tuple(
        Shard(index, first, last, entry=starts[bisect(starts, max(0, first - lead)) - 1])
        for index, (first, last) in enumerate(zip(cuts, [*cuts[1:], total], strict=True))
    )


def _nearest(rising: Sequence[int], value: int) -> int:
    """Return the number closest to `value`; `value` itself if there is none."""
    place = bisect(rising, value)
    around = rising[max(0, place - 1) : place + 1]
    return min(around, key=lambda number: abs(number - value), default=value)
