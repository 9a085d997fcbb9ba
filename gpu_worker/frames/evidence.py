"""Evidence: what FFmpeg's log says of the frames that it decodes."""

from __future__ import annotations

import re
from fractions import Fraction
from threading import Condition
from typing import Final

from gpu_worker.plan import Picture

_LOG_SECONDS: Final = 60.0
"""To wait for a line of FFmpeg's log that is on its way."""
_INFO: Final = b"[info] "
_ERROR: Final = b"[error] "
_ON_ITS_WAY: Final = (b" <- ", b" -> ")
"""In a line about a packet or a frame on its way through FFmpeg; all are of level info."""
_WITH_ERRORS: Final = b"corrupt decoded frame"
_SHOWN: Final = re.compile(
    rb"showinfo.*? n: *\d+ pts:.*? pts_time:(-?[\d.]+) .*? s:(\d+)x(\d+) .*? type:.(?P<beside>.*)"
)
_DECODED: Final = re.compile(rb"decoder -> pts:(-?\d+) .* time_base:(\d+)/(\d+)")


class Evidence:
    """What FFmpeg's log says of the frames that it decodes: which of them with errors.

    A line about errors comes right before that of its frame, and both before the frame itself.
    showinfo ends its line in a second call, so that what another thread says may come in its midst.

    Attributes:
        ticks: timestamps of the frames that were decoded with errors; whole once FFmpeg has ended.
        scaled: when frames are shown of another size than the picture's, in ticks, rounded.
    """

    def __init__(self, seconds_per_tick: Fraction, picture: Picture) -> None:
        """Nothing is heard yet; a tick is of the plan's source."""
        self.ticks: set[int] = set()
        self.scaled: set[Fraction] = set()
        self._size = picture.width, picture.height
        self._tick = seconds_per_tick
        self._errors = self._trouble = False
        self._clean: set[int] = set()
        self._heard = Condition()
        self._latest: int | None = None
        self._ended = False

    def begin(self) -> None:
        """Forget what another decoder said."""
        self.ticks.clear()
        self.scaled.clear()
        self._clean.clear()
        self._errors = self._trouble = self._ended = False
        self._latest = None

    def hear(self, line: bytes) -> bool:
        """Take a line of FFmpeg's log, an empty one at its end; return if it need not be kept."""
        if not line:
            self._end()
        shown = _SHOWN.search(line)
        if shown and (int(shown[2]), int(shown[3])) != self._size:
            self.scaled.add(Fraction(shown[1].decode()) / self._tick)
        said = shown["beside"].strip() if shown else line
        # What comes in the midst of a line has lost its level.
        told = _INFO in said or not said or any(each in said for each in _ON_ITS_WAY)
        if _WITH_ERRORS in said:
            self._errors = self._trouble = True
        elif _ERROR in said or (shown and not told):
            self._trouble = True
        elif frame := _DECODED.search(said):
            pts, numerator, denominator = map(int, frame.groups())
            self._take(round(Fraction(pts * numerator, denominator) / self._tick))
        return told

    def _end(self) -> None:
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def _take(self, tick: int) -> None:
        with self._heard:
            (self.ticks if self._errors else self._clean).add(tick)
            self._errors, self._latest = False, tick
            self._heard.notify_all()

    def is_clean(self, tick: int, shown: int) -> bool:
        """Whether a frame was decoded without errors, once what is said of a later one is heard."""
        self._listen(shown)
        return tick in self._clean

    def is_trouble(self, shown: int) -> bool:
        """Whether anything went wrong until a frame came out."""
        self._listen(shown)
        return self._trouble

    def _listen(self, shown: int) -> None:
        with self._heard:
            self._heard.wait_for(
                lambda: self._ended or (self._latest is not None and self._latest >= shown),
                _LOG_SECONDS,
            )
