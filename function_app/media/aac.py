"""Sound as AAC, in step with the picture where there are gaps in it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet

from function_app.media.uncompressed import OUT_OF_STEP_S

AAC_FRAME = 1024
AAC_SAMPLES = "fltp"
AAC_BITS_PER_CHANNEL = 96_000
# Those of ISO/IEC 14496-3, table 1.19, that players know.
AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "7.1", 8: "7.1"}
MOST_AAC_CHANNELS = 8
# Fills gaps with silence and cuts what overlaps; stretches nothing.
IN_STEP = f"async=1:min_hard_comp={OUT_OF_STEP_S}"


def aac_rate(rate: int) -> int:
    """Return the rate that the encoder of AAC takes and that is nearest to one, in Hz."""
    taken = av.Codec("aac", "w").audio_rates or [rate]
    return min(taken, key=lambda other: abs(other - rate))


class ToAac:
    """Encodes sound to AAC.

    Attributes:
        is_over: whether all that was taken comes before zero, and so is not heard.
    """

    def __init__(self, out: OutputContainer, source: AudioStream) -> None:
        """Make the track, of eight channels at most."""
        self._container = out
        self._source = source
        channels = min(source.channels, MOST_AAC_CHANNELS)
        self._rate, self._layout = aac_rate(source.rate), AAC_LAYOUTS[channels]
        self._stream = out.add_stream("aac", rate=self._rate)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = AAC_BITS_PER_CHANNEL * channels
        self._graph = self._in_step()
        self._form: tuple[object, ...] = ()
        self._resampler = AudioResampler(AAC_SAMPLES, self._layout, self._rate)
        self.is_over = True

    def take(self, packet: Packet[Any]) -> None:
        """Encode what a packet sounds like."""
        self.is_over &= (packet.pts or 0) < 0
        for frame in self._source.decode(packet):
            self._push(frame)

    def flush(self) -> None:
        """Encode what is left."""
        for frame in self._source.decode(None):
            self._push(frame)
        self._resample(None)
        self._graph.push(None)
        self._encode()
        self._container.mux(self._stream.encode(None))

    def _in_step(self) -> Graph:
        """Keep sound in step where there are gaps, in frames that the encoder takes."""
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=self._rate,
            format=AAC_SAMPLES,
            layout=self._layout,
            time_base=Fraction(1, self._rate),
        )
        graph.link_nodes(source, graph.add("aresample", IN_STEP), graph.add("abuffersink"))
        graph.configure()
        graph.set_audio_frame_size(AAC_FRAME)
        return graph

    def _push(self, frame: AudioFrame) -> None:
        """Take a decoded frame; streams change their rate and layout in their midst."""
        form = frame.sample_rate, frame.format.name, frame.layout.name
        if self._form and form != self._form:
            self._resample(None)
            self._resampler = AudioResampler(AAC_SAMPLES, self._layout, self._rate)
        self._form = form
        self._resample(frame)

    def _resample(self, frame: AudioFrame | None) -> None:
        if frame is None and not self._form:
            return
        tick = Fraction(1, self._rate)
        for piece in self._resampler.resample(frame):
            if piece.pts is not None and piece.time_base is not None:
                piece.pts, piece.time_base = round(piece.pts * piece.time_base / tick), tick
            self._graph.push(piece)
            self._encode()

    def _encode(self) -> None:
        while True:
            try:
                piece = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            self._container.mux(self._stream.encode(cast("AudioFrame", piece)))
