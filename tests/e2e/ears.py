"""What a kiosk page plays, and what it says about who is not heard."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page

# What is really played: the element's own stream, as loud as it is heard.
LEVEL = """() => {
    const audio = document.querySelector('#sound');
    if (audio.paused || audio.muted || !audio.srcObject) return 0;
    if (window.heardOf !== audio.srcObject) {
        window.context ??= new AudioContext();
        window.heardOf = audio.srcObject;
        window.analyser = window.context.createAnalyser();
        window.context.createMediaStreamSource(audio.srcObject).connect(window.analyser);
    }
    const samples = new Float32Array(window.analyser.fftSize);
    window.analyser.getFloatTimeDomainData(samples);
    return Math.max(...samples.map(Math.abs));
}"""


async def level(page: Page) -> float:
    heard: float = await page.evaluate(LEVEL)
    return heard


async def until_level(page: Page, is_right: bool) -> None:
    async with asyncio.timeout(30):
        while (await level(page) > 0.02) is not is_right:  # noqa: ASYNC110 - pages tell no event
            await asyncio.sleep(0.05)


async def label(page: Page, which: str) -> str:
    return await page.inner_text(f"#sound-{which}")


async def until_label(page: Page, which: str, text: str) -> None:
    await page.wait_for_function(
        "([which, text]) => document.querySelector(`#sound-${which}`).innerText === text",
        arg=[which, text],
        timeout=20_000,
    )
