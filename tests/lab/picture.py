"""vivid's test card: known again in decoded pixels, of a reader and of a page."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

# vivid shows eight bars at three quarters: which of red, green and blue are on.
BARS = ("RGB", "RG", "GB", "G", "RB", "R", "B", "")


def bars(picture: NDArray[np.uint8]) -> tuple[str, ...]:
    """What stands in each eighth of a picture, below the text that vivid writes over it."""
    width = picture.shape[1]
    below = picture[picture.shape[0] * 3 // 4 :].astype(float)
    found = []
    for number in range(8):
        middle = width * (2 * number + 1) // 16
        color = below[:, middle - 4 : middle + 4].mean(axis=(0, 1))
        found.append("".join(name for name, value in zip("RGB", color, strict=True) if value > 96))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page's `<video>` decoded."""

    picture: NDArray[np.uint8]
    frames: int


async def shown(page: Page) -> Shown | None:
    """None while there is no picture."""
    answer = await page.evaluate(
        """() => {
            const video = document.querySelector('#picture');
            if (!video || video.readyState < 2 || !video.videoWidth) return null;
            const canvas = document.createElement('canvas');
            canvas.width = video.videoWidth; canvas.height = video.videoHeight;
            const context = canvas.getContext('2d', {willReadFrequently: true});
            context.drawImage(video, 0, 0);
            const {width, height} = canvas;
            const {data} = context.getImageData(0, 0, width, height);
            let text = '';
            for (let i = 0; i < data.length; i += 4)
                text += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
            const frames = video.getVideoPlaybackQuality().totalVideoFrames;
            return {width, height, frames, pixels: btoa(text)};
        }"""
    )
    if answer is None:
        return None
    pixels = np.frombuffer(base64.b64decode(answer["pixels"]), dtype=np.uint8)
    picture = pixels.reshape(answer["height"], answer["width"], 3)
    return Shown(picture=picture, frames=answer["frames"])


async def shows_the_camera(
    page: Page, wanted: tuple[str, ...] = BARS, *, within_s: float = 60.0
) -> None:
    """The page shows these bars (vivid's), live, and the picture moves."""
    deadline = time.monotonic() + within_s
    first: Shown | None = None
    while time.monotonic() < deadline:
        state = await page.evaluate("document.documentElement.dataset.state")
        now = await shown(page) if state == "live" else None
        if now is not None and bars(now.picture) == wanted:
            if first is None or now.frames < first.frames:  # another session counts anew
                first = now
            elif now.frames > first.frames and not np.array_equal(first.picture, now.picture):
                return
        await asyncio.sleep(0.2)
    raise AssertionError(f"no moving picture within {within_s:g} s; the page says {state!r}")
