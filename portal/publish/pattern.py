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

    Sky, sun and ridges are rendered once and looped: per frame there are only crops, which are
    free, two blends and the text.
    """
    seed = zlib.crc32(title.encode())
    hue, skyline = seed % _HUES / _HUES, seed // _HUES % len(_CRESTS)
    # The near ridge passes in about ten seconds. Even steps, or 4:2:0 makes it tremble.
    near_step = 2 * max(1, round(width / (fps * 20)))
    layers = [
        f"{_sky(width, height, fps, hue)}[sky]",
        f"{_sun(height, fps, hue)}[sun]",
        f"{_ridge(width, height, fps, hue, crest=skyline, lightness=0.27, part=0.36)},"
        f"crop=w={width}:h=ih:x='mod(2*floor(n*{near_step}/4),{width})':y=0[far]",
        f"{_ridge(width, height, fps, hue, crest=skyline + 1, lightness=0.12, part=0.22)},"
        f"crop=w={width}:h=ih:x='mod(n*{near_step},{width})':y=0[near]",
        "[sky][sun]overlay=x='W*(0.5+0.33*sin(t*PI/6))-w/2':y='H*(0.62-0.05*cos(t*PI/3))-h/2'"
        ":format=yuv420[a]",
        "[a][far]overlay=y=H-h:format=yuv420[b]",
        "[b][near]overlay=y=H-h:format=yuv420,"
        f"{title_filter(title, width=width, height=height)},{_clock(height)},format=yuv420p",
    ]
    return ";".join(layers)


def _rgb(hue: float, saturation: float, lightness: float) -> tuple[int, int, int]:
    parts = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return (round(parts[0] * 255), round(parts[1] * 255), round(parts[2] * 255))


def _hex(colour: tuple[int, int, int]) -> str:
    return "0x{:02x}{:02x}{:02x}".format(*colour)


def _still(colour: str, width: int, height: int, fps: int) -> str:
    """One frame; what follows is done once."""
    return f"color=c={colour}:s={width}x{height}:r={fps},trim=end_frame=1"


_FOREVER = "loop=loop=-1:size=1"


def _sky(width: int, height: int, fps: int, hue: float) -> str:
    """Night above, dusk behind the text, light on the horizon."""
    night, dusk = _rgb(hue, 0.6, 0.13), _rgb(hue, 0.5, 0.32)
    light = _rgb(hue + 0.08, 0.75, 0.62)
    planes = [
        f"if(lt(Y,50),{top}+({middle}-{top})*Y/50,{middle}+({low}-{middle})*(Y-50)/40)"
        for top, middle, low in zip(night, dusk, light, strict=True)
    ]
    red, green, blue = planes
    return (
        f"{_still('black', 16, 90, fps)},format=gbrp,geq=r='{red}':g='{green}':b='{blue}',"
        f"format=yuv444p,scale={width}:{height}:flags=bicubic,format=yuv420p,{_FOREVER}"
    )


def _sun(height: int, fps: int, hue: float) -> str:
    """A disc in a glow, on nothing."""
    size = max(8, int(height * 0.45) // 2 * 2)
    half = size // 2
    distance = f"hypot(X-{half},Y-{half})"
    alpha = f"255*max(clip({half}*0.55-{distance},0,1),0.5*pow(clip(1-{distance}/{half},0,1),1.6))"
    return (
        f"{_still(_hex(_rgb(hue + 0.12, 0.95, 0.84)), size, size, fps)},"
        f"{_with_alpha(alpha)},{_FOREVER}"
    )


# Height of a skyline, 0 … 1, over one picture's width of 2π (`{x}`); whole frequencies only.
_CRESTS = (
    "0.55+0.25*sin({x}*2+1)+0.15*sin({x}*5)",
    "0.95-0.5*abs(sin({x}*1.5+0.6))-0.3*abs(sin({x}*3.5))",
    "0.55+0.25*sin({x}*3)*cos({x})+0.12*sin({x}*7+2)",
    "0.5+0.22*asin(sin({x}*4))/1.6+0.2*asin(sin({x}*9+1))/1.6",
)


def _ridge(
    width: int, height: int, fps: int, hue: float, *, crest: int, lightness: float, part: float
) -> str:
    """A skyline two pictures wide whose halves are equal: panned by up to one width it shows no
    seam. Drawn at half size: it costs a quarter at the start, and its edge is soft."""
    wide, high = width, max(2, int(height * part) // 2)
    line = _CRESTS[crest % len(_CRESTS)].format(x=f"(4*PI*X/{wide})")
    alpha = f"255*clip(Y-{high}*(1-({line})),0,1)"
    colour = _hex(_rgb(hue - 0.03, 0.5, lightness))
    return (
        f"{_still(colour, wide, high, fps)},{_with_alpha(alpha)},"
        f"scale={wide * 2}:{high * 2}:flags=bicubic,{_FOREVER}"
    )


def _with_alpha(alpha: str) -> str:
    return f"format=yuva420p,geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='{alpha}'"


def title_filter(title: str, *, width: int, height: int) -> str:
    shown = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    # A letter of this face is about 0.6 of its size wide.
    size = max(8, min(height // 7, int(width * 0.9 / (0.6 * max(1, len(shown))))))
    return (
        f"drawtext=fontfile={escaped(str(FONT))}:expansion=none:text={escaped(shown)}"
        f":fontcolor=white:fontsize={size}:x=(w-text_w)/2:y=h*0.27-{size}/2"
    )


def _clock(height: int) -> str:
    size = max(8, height // 12)
    return (
        f"drawtext=fontfile={escaped(str(FONT))}:text={escaped('%{localtime:%T}')}"
        f":fontcolor=white@0.8:fontsize={size}:x=(w-text_w)/2:y=h*0.27+{height // 11}"
    )


def escaped(value: str) -> str:
    """A filter option's value inside a filter graph: escaped once for the option list, once for
    the graph (ffmpeg-filters(1), "Notes on filtergraph escaping")."""
    option = "".join(f"\\{c}" if c in "\\':" else c for c in value)
    return "".join(f"\\{c}" if c in "\\'[],;" else c for c in option)
