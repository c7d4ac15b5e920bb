"""The same in the lab's virtual machine: the kernel's USB, udev and V4L2, and a camera whose own
part of the time is known, because it is ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from playwright.async_api import Page

from bench.hotplug_host import screen_of
from bench.hotplug_lines import Line
from bench.hotplug_reader import Watcher, now
from tests.conftest import unused_loopback
from tests.lab.guest_site import ANY_USB_CAMERA, FORWARDS, GuestSite
from tests.lab.image import ensure_image
from tests.lab.payload import ensure_payload
from tests.lab.tools import check_host
from tests.lab.uvc.camera import UsbCamera
from tests.lab.vm import booted

_WITHIN_S = 120.0


async def in_the_lab(
    folder: Path,
    rounds: int,
    say: Callable[[str], None],
    open_page: Callable[[str], AbstractAsyncContextManager[Page]],
) -> list[Line]:
    check_host()
    work_dir = folder / "machine"
    work_dir.mkdir()
    with booted(
        ensure_image(),
        address=unused_loopback(),
        forwards=FORWARDS,
        drives=[ensure_payload()],
        work_dir=work_dir,
    ) as machine:
        site = GuestSite(machine, ANY_USB_CAMERA)
        await site.start()
        async with (
            screen_of(folder / "lab-screen", unused_loopback(), machine.address) as kiosk,
            open_page(kiosk) as page,
        ):
            await page.wait_for_selector(":root[data-state=unplugged]", timeout=_WITHIN_S * 1000)
            return await _pluggings(site, page, rounds, say)


async def _pluggings(
    site: GuestSite, page: Page, rounds: int, say: Callable[[str], None]
) -> list[Line]:
    whole = Line(what="emulated: plugged to first decoded frame", promised_s=None)
    opened = Line(what="emulated:   of it until ffmpeg asked for pictures", promised_s=None)
    device = Line(what="emulated:   of it the device's start", promised_s=None)
    shown = Line(what="emulated:   of it from its first picture to the reader", promised_s=None)
    missed = Line(what='emulated: pulled to "unplugged" on the other kiosk', promised_s=1.0)
    camera = UsbCamera()
    for number in range(rounds):
        watcher = Watcher(site.whep)
        watching = asyncio.create_task(watcher.watch())
        try:
            await camera.plug(site.address, number % 3)
            frame_at = await watcher.next_session(0, within_s=_WITHIN_S)
            whole.took_s.append(frame_at - camera.plugged_at)
            opened.took_s.append(camera.asked_at - camera.plugged_at)
            device.took_s.append(camera.first_frame_at - camera.asked_at)
            shown.took_s.append(frame_at - camera.first_frame_at)
            await page.wait_for_selector(":root[data-state=live]", timeout=_WITHIN_S * 1000)
            pulled_at = now()
            await camera.pull()
            await page.wait_for_selector(":root[data-state=unplugged]", timeout=_WITHIN_S * 1000)
            missed.took_s.append(now() - pulled_at)
        finally:
            await camera.pull()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await site.until(
            "absent", lambda state: state["camera"]["state"] == "absent", within_s=_WITHIN_S
        )
        say(f"lab {number + 1}: seen {whole.took_s[-1]:.2f} s, missed {missed.took_s[-1]:.2f} s")
    return [whole, opened, device, shown, missed]
