"""The test picture: a moving landscape with the site's name and a running clock, as an ffmpeg
filter graph. No two sites look alike: hue and skyline come from a hash of the title."""

from __future__ import annotations

import colorsys
import zlib
from pathlib import Path

FONT = Path(__file__).resolve().parent / "fonts" / "Inter-SemiBold-Latin.ttf"

_HUES = 12  # further apart than the eye confuses


def pattern_graph(title: str, *, width: int, height: int, fps: int) -> str:
    """The source graph for `-f lavfi -i`.

    Everything is rendered once as a still and looped; per frame only crops (free) and two
    blends are paid for.
    """
    seed = zlib.crc32(title.encode())
    hue = seed % _HUES / _HUES
    skyline = seed // _HUES % 3
    even_w, even_h = width // 2 * 2, height // 2 * 2
    sky = (
        f"gradients=s=160x90:r={fps}:n=3:c0={_hsl(hue, 0.55, 0.16)}:c1={_hsl(hue, 0.5, 0.32)}"
        f":c2={_hsl(hue + 0.07, 0.7, 0.6)}:x0=80:y0=0:x1=80:y1=90:seed=1:speed=0.00001,"
        f"trim=end_frame=1,format=yuv420p,scale={even_w}:{even_h}:flags=bicubic,"
        "loop=loop=-1:size=1"
    )
    far = _ridge(even_w, even_h, fps, _hsl(hue - 0.02, 0.5, 0.3), kind=skyline, height_part=0.34)
    near = _ridge(
        even_w, even_h, fps, _hsl(hue - 0.04, 0.55, 0.13), kind=skyline + 1, height_part=0.22
    )
    sun = _disc(even_h // 10 * 4, fps, _hsl(hue + 0.1, 0.9, 0.8))
    return (
        f"{sky}[sky];{sun}[sun];{far}{_pan(even_w, 24)}[far];{near}{_pan(even_w, 9)}[near];"
        "[sky][sun]overlay=x='W*(0.5+0.36*sin(t*PI/6))-w/2':y='H*(0.42-0.22*cos(t*PI/6))-h/2'"
        ":format=yuv420[a];"
        "[a][far]overlay=x=0:y=H-h:format=yuv420[b];"
        "[b][near]overlay=x=0:y=H-h:format=yuv420,"
        f"{_text(title, size=even_h // 7, y='h*0.30')},"
        f"{_clock(size=even_h // 11, y='h*0.30+' + str(even_h // 6))},"
        "format=yuv420p"
    )


def _hsl(hue: float, saturation: float, lightness: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return f"0x{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _ridge(width: int, height: int, fps: int, colour: str, *, kind: int, height_part: float) -> str:
    """A skyline two pictures wide whose halves are equal: panned by up to one width it never
    shows a seam. Rendered at half size."""
    w, h = width // 2 * 2, int(height * height_part) // 4 * 2
    turn = f"2*PI*X/{w // 2}"
    crest = (
        f"0.55+0.25*sin({turn}*2+1)+0.15*sin({turn}*5)",
        f"0.9-0.45*abs(sin({turn}*1.5+0.6))-0.3*abs(sin({turn}*3.5))",
        f"0.5+0.3*sin({turn}*3)*cos({turn})+0.12*sin({turn}*7+2)",
    )[kind % 3]
    return (
        f"color=c={colour}:s={w}x{h}:r={fps},trim=end_frame=1,format=yuva420p,"
        f"geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='255*clip(Y-{h}*(1-({crest})),0,1)',"
        f"scale={w * 2}:{h * 2}:flags=bicubic,loop=loop=-1:size=1,"
    )


def _pan(width: int, period_s: int) -> str:
    return f"crop=w={width}:h=ih:x='mod(t/{period_s},1)*{width}':y=0:exact=0"


def _disc(diameter: int, fps: int, colour: str) -> str:
    half = diameter // 2
    inside = f"clip({half}*0.7-hypot(X-{half},Y-{half}),0,1)"
    glow = f"0.35*pow(clip(1-hypot(X-{half},Y-{half})/{half},0,1),1.5)"
    return (
        f"color=c={colour}:s={half * 2}x{half * 2}:r={fps},trim=end_frame=1,format=yuva420p,"
        f"geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='255*max({inside},{glow})',"
        "loop=loop=-1:size=1"
    )


def _text(title: str, *, size: int, y: str) -> str:
    shown = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    return (
        f"drawtext=fontfile={escaped(str(FONT))}:expansion=none:text={escaped(shown)}"
        f":fontcolor=white:fontsize={size}:x=(w-text_w)/2:y={y}"
    )


def _clock(*, size: int, y: str) -> str:
    clock = escaped("%{localtime:%T}")
    return (
        f"drawtext=fontfile={escaped(str(FONT))}:text={clock}"
        f":fontcolor=white@0.85:fontsize={size}:x=(w-text_w)/2:y={y}"
    )


def escaped(value: str) -> str:
    """A filter option's value inside a filter graph: escaped once for the option list, once for
    the graph (ffmpeg-filters(1), "Notes on filtergraph escaping")."""
    option = "".join(f"\\{c}" if c in "\\':" else c for c in value)
    return "".join(f"\\{c}" if c in "\\'[],;" else c for c in option)
