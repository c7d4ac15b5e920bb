"""USB cameras without hardware: a command runs on a machine whose udev, sysfs, /dev and V4L2
questions are libumockdev's, and the test plugs and pulls cameras meanwhile.

    async with FakeUsbBus.around([sys.executable, "-m", "portal", …], tmp_path) as bus:
        camera = await bus.plug(port="1-2")      # udev event, /dev/video0 and its metadata node
        await bus.unplug(port="1-2")
        bus.child                                # the ChildProcess: output, exit code

A fake camera answers what it is and which formats it has; it delivers no pictures (there is no
mmap in the test bed). `video.ffmpeg = tests/fakes/camera_ffmpeg.py` puts a test picture in their
place; the lab's cameras deliver their own. Children of the command are in the test bed too.
Needs Debian's umockdev, gir1.2-umockdev-1.0 and python3-gi.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from portal.process import ChildProcess

_DRIVER = Path(__file__).with_name("usb_bus_driver.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeFormat:
    pixel_format: str
    width: int
    height: int
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCamera:
    """By default a Logitech C920, shortened."""

    vendor: str = "046d"
    model: str = "082d"
    serial: str = "8A1B2C3D"
    product: str = "HD Pro Webcam C920"
    microphone: str = ""  # the id of its sound card, which comes after the nodes
    formats: tuple[FakeFormat, ...] = field(
        default=(
            FakeFormat(pixel_format="YUYV", width=640, height=480, rates=(30, 15)),
            FakeFormat(pixel_format="YUYV", width=1280, height=720, rates=(10, 5)),
            FakeFormat(pixel_format="MJPG", width=1280, height=720, rates=(30, 24, 15)),
            FakeFormat(pixel_format="MJPG", width=1920, height=1080, rates=(30,)),
        )
    )


C920 = FakeCamera()


class FakeUsbBus:
    """Made by `around`."""

    def __init__(self, child: ChildProcess, control: Path) -> None:
        self.child = child
        self._control = control

    @classmethod
    @asynccontextmanager
    async def around(
        cls,
        command: Sequence[str],
        directory: Path,
        *,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> AsyncIterator[FakeUsbBus]:
        """Run the command; `directory` is for the control socket. TERM at the end."""
        control = directory / "usb-bus"
        child = await ChildProcess.spawn(
            ["umockdev-wrapper", "/usr/bin/python3", str(_DRIVER), str(control), *command],
            name="umockdev",
            env=env,
            on_line=on_line,
            keep_lines=200,
        )
        try:
            async with asyncio.timeout(20):
                while not control.exists():
                    assert child.returncode is None, f"the test bed ended: {child.last_lines}"
                    await asyncio.sleep(0.02)
            yield cls(child, control)
        finally:
            await child.stop(grace_s=10)
            control.unlink(missing_ok=True)

    async def plug(
        self,
        camera: FakeCamera = C920,
        *,
        port: str = "1-2",
        node: int | None = None,
        errno: str = "",
    ) -> str:
        """Plug into a USB port (bus-port[.port…]), as /dev/video`node` if that is free, failing as
        in `fail` from the start. Returns the capture node; the metadata node is the next."""
        answer = await self._ask(do="plug", port=port, node=node, errno=errno, **asdict(camera))
        return str(answer["device"])

    async def unplug(self, *, port: str = "1-2") -> None:
        await self._ask(do="unplug", port=port)

    async def fail(self, errno_name: str, *, port: str = "1-2") -> None:
        """From now on each question to the device fails so ("EBUSY"); "" heals it."""
        await self._ask(do="fail", port=port, errno=errno_name)

    async def change(self, *, port: str = "1-2") -> None:
        """A `change` event, as `udevadm trigger` sends it."""
        await self._ask(do="change", port=port)

    async def authorised(self, *, port: str = "1-2") -> str:
        """What has been written to the device's `authorized`, which pulls it and plugs it in again
        as the kernel would."""
        return str((await self._ask(do="authorised", port=port))["written"])

    async def _ask(self, **request: Any) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self._control))
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
            assert line, f"the test bed fell over: {self.child.last_lines}"
            answer: dict[str, Any] = json.loads(line)
        finally:
            writer.close()
            await writer.wait_closed()
        assert "error" not in answer, answer
        return answer
