"""A lively clip with sound, for those who have no video at hand: a balloon over the sea at dusk."""

from pathlib import Path

import ffmpeg
import imageio_ffmpeg
from ffmpeg.nodes import FilterableStream

SECONDS = 4
RATE = 25
WIDTH, HORIZON, HEIGHT = 640, 220, 360

DUSK = "n=3:c0=0x16206b:c1=0xc2487a:c2=0xffb14a"
SKY = f"gradients=s={WIDTH}x{HORIZON}:r={RATE}:{DUSK}:x0=0:y0=0:x1=0:y1={HORIZON}:speed=0.00001"
SUN = f"color=0xffe27a:s=96x96:r={RATE}"
BALLOON = f"mandelbrot=s=150x150:r={RATE}:start_scale=2.6:end_scale=0.5:end_pts={SECONDS * RATE}"
CHORD = "+".join(
    f"0.1*sin({hertz}*2*PI*t)*(1+sin({beats}*PI*t))"
    for hertz, beats in ((220, 1), (277.18, 2), (329.63, 3), (440, 5))
)


def make(file: Path) -> None:
    """Write the clip: 4 s of 640x360 at 25 frames/s, H.264 and AAC in MP4."""
    sound = ffmpeg.input(f"aevalsrc={CHORD}:sample_rate=48000", format="lavfi")
    clip = ffmpeg.output(_scene(), sound, str(file), t=SECONDS, pix_fmt="yuv420p", crf=16)
    clip.global_args("-y").run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)


def _scene() -> FilterableStream:
    sky = _put(_disc(SUN), _source(SKY), "420-10*t", f"{HORIZON}-110+16*t")
    skies = sky.filter_multi_output("split")
    air = skies[0].filter("pad", WIDTH, HEIGHT)
    scene = _put(_sea(skies[1]), air, "0", str(HORIZON))
    return _put(_disc(BALLOON), scene, "60+60*t", "40+30*sin(2*t)")


def _sea(sky: FilterableStream) -> FilterableStream:
    """Reflect the sky in waves: noise that is much wider than it is high."""
    return (
        sky.filter("vflip")
        .filter("noise", alls=90, allf="t")
        .filter("gblur", sigma=9, sigmaV=0.8)
        .filter("eq", contrast=1.6, brightness=-0.12)
    )


def _disc(description: str) -> FilterableStream:
    """Cut a square source to its inscribed circle."""
    alpha = "255*lte(hypot(X-W/2,Y-H/2),W/2)"
    return (
        _source(description)
        .filter("format", "rgba")
        .filter("geq", r="r(X,Y)", g="g(X,Y)", b="b(X,Y)", a=alpha)
    )


def _put(thing: FilterableStream, background: FilterableStream, x: str, y: str) -> FilterableStream:
    """Lay a thing over a background, at a place that may depend on the time `t` in seconds."""
    return ffmpeg.filter([background, thing], "overlay", x, y)


def _source(description: str) -> FilterableStream:
    return ffmpeg.input(description, format="lavfi")
