"""The TV itself, over HDMI-CEC, where the machine has a device for it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from portal.process import ChildProcess

_LOG = logging.getLogger(__name__)

# A TV that does not listen lets each message time out.
_LIMIT_S = 8.0


def cec_commands(device: Path, *, is_wanted: bool) -> list[list[str]]:
    """What tells the TV at `device` to wake up or to go to standby."""
    to_tv = ["cec-ctl", f"--device={device}", "--to=0"]
    claim = ["cec-ctl", f"--device={device}", "--playback", "--osd-name=Portal"]
    return [claim, [*to_tv, "--image-view-on" if is_wanted else "--standby"]]


async def switch_tv(*, is_wanted: bool, folder: Path = Path("/dev")) -> int:
    """Tell every TV; how many devices there are. A TV that does not take it is no fault."""
    devices = sorted(folder.glob("cec[0-9]*"))  # noqa: ASYNC240 - /dev is in memory
    if not devices or shutil.which("cec-ctl") is None:
        return 0
    for device in devices:
        for command in cec_commands(device, is_wanted=is_wanted):
            process = await ChildProcess.spawn(command, name="cec-ctl")
            try:
                async with asyncio.timeout(_LIMIT_S):
                    await process.wait()
            except TimeoutError:
                _LOG.info("the TV at %s does not answer", device.name)
                break
            finally:
                await process.stop(grace_s=0.1)
    return len(devices)
