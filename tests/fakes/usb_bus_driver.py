"""The half of the fake USB bus that needs libumockdev: run by the system's Python (it has `gi`).

    umockdev-wrapper /usr/bin/python3 usb_bus_driver.py CONTROL_SOCKET COMMAND…

Runs the command inside the test bed with its own stdin, stdout and stderr, and ends with its exit
code. Requests are JSON lines on the socket, each answered by one line: see `usb_camera.py`.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import gi  # type: ignore[import-not-found, import-untyped, unused-ignore] # the system's

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # type: ignore # noqa: E402 - as above

_CONTROLLER = "/devices/pci0000:00/0000:00:14.0/usb1"
_QUERYCAP, _ENUM_FMT, _ENUM_FRAMESIZES, _ENUM_FRAMEINTERVALS = 0, 2, 74, 75
_CAN = 0x04000001  # capture, streaming
_SAYS_IT_OF_THE_NODE = 0x80000000


class Camera:
    """One plugged camera: a USB device, its interface, a capture node and a metadata node."""

    def __init__(self, bed: Any, request: dict[str, Any], number: int) -> None:
        self._bed = bed
        self.port = request["port"]
        self.nodes = (number, number + 1)
        self.formats = request["formats"]
        self.fail(request["errno"])
        self._request = request
        self._sound: list[str] = []
        self.written = "1"
        self._plugged_us = time.monotonic_ns() // 1000
        self._usb = f"{_CONTROLLER}/{self.port}"
        self._interface = f"{self._usb}/{self.port}:1.0"

    def fail(self, errno_name: str) -> None:
        """What each question to the device fails with; "": it answers."""
        self.errno = getattr(errno, errno_name) if errno_name else 0

    def plug(self) -> None:
        ask = self._request
        self._bed.add_from_string(
            f"P: {self._usb}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n"
            f"A: idVendor={ask['vendor']}\nA: idProduct={ask['model']}\nA: authorized=1\n\n"
        )
        self._bed.add_from_string(
            f"P: {self._interface}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n"
            "L: driver=../../../../../../bus/usb/drivers/uvcvideo\n\n"
        )
        for number in self.nodes:
            handler = UMockdev.IoctlBase()
            handler.connect("handle-ioctl", self._on_ioctl)
            self._bed.attach_ioctl(f"/dev/video{number}", handler)
        self._show_nodes()
        if ask["microphone"]:
            card = f"{self._usb}/{self.port}:1.2/sound/card1"
            self._sound = [f"{card}/pcmC1D0c", card]
            self._bed.add_from_string(
                f"P: {card}\nE: SUBSYSTEM=sound\nA: id={ask['microphone']}\nA: number=1\n\n"
            )
            self._bed.add_from_string(
                f"P: {card}/pcmC1D0c\nE: SUBSYSTEM=sound\nE: DEVNAME=/dev/snd/pcmC1D0c\n\n"
            )
            self._bed.uevent(f"/sys{card}", "add")

    def follow_authorized(self) -> None:
        """What the kernel does when the attribute is written."""
        now = Path(self._bed.get_root_dir() + f"/sys{self._usb}/authorized").read_text().strip()
        if now in {self.written[-1], ""}:  # empty for the moment between truncating and writing
            return
        self.written += now
        if now == "0":
            self._hide_nodes()
        else:
            self.errno = 0  # that heals it
            self._plugged_us = time.monotonic_ns() // 1000
            self._show_nodes()

    def _show_nodes(self) -> None:
        for index, number in enumerate(self.nodes):
            self._bed.add_from_string(self._node_description(index, number))
            self._node_file(number).touch()
        for number in self.nodes:
            self._bed.uevent(self._node_path(number), "add")

    def _hide_nodes(self) -> None:
        for number in self.nodes:
            self._bed.uevent(self._node_path(number), "remove")
        for number in self.nodes:
            self._node_file(number).unlink()
            self._bed.remove_device(self._node_path(number))

    def unplug(self) -> None:
        for path in self._sound:  # without events: umockdev gives up when they are not read at once
            self._bed.remove_device(f"/sys{path}")
        self._hide_nodes()
        for number in self.nodes:
            self._bed.detach_ioctl(f"/dev/video{number}")
        self._bed.remove_device(f"/sys{self._interface}")
        self._bed.remove_device(f"/sys{self._usb}")

    def change(self) -> None:
        for number in self.nodes:
            self._bed.uevent(self._node_path(number), "change")

    def _node_path(self, number: int) -> str:
        return f"/sys{self._interface}/video4linux/video{number}"

    def _node_file(self, number: int) -> Path:
        """An own file: umockdev's "N:" makes a terminal that it never gives back."""
        return Path(self._bed.get_root_dir(), "dev", f"video{number}")

    def _node_description(self, index: int, number: int) -> str:
        """What Debian's udev rules say of a UVC camera: serial and path are equal on both."""
        ask = self._request
        properties = {
            "SUBSYSTEM": "video4linux",
            "DEVNAME": f"/dev/video{number}",
            "MAJOR": "81",
            "MINOR": str(number),
            "ID_V4L_CAPABILITIES": ":" if index else ":capture:",
            "ID_V4L_PRODUCT": ask["product"],
            "ID_VENDOR_ID": ask["vendor"],
            "ID_MODEL_ID": ask["model"],
            "ID_SERIAL_SHORT": ask["serial"],
            "ID_PATH": f"pci-0000:00:14.0-usb-0:{self.port.partition('-')[2]}:1.0",
            "ID_USB_INTERFACE_NUM": "00",
            "USEC_INITIALIZED": str(self._plugged_us),
            "DEVLINKS": f"/dev/v4l/by-path/usb-{self.port}-video-index{index}",
        }
        lines = [f"E: {key}={value}" for key, value in properties.items() if value]
        return "\n".join(
            [
                f"P: {self._interface}/video4linux/video{number}",
                *lines,
                f"A: index={index}",
                f"A: dev=81:{number}",
                "\n",
            ]
        )

    def _on_ioctl(self, _handler: Any, client: Any) -> bool:
        request = client.get_request()
        data = client.get_arg().resolve(0, request >> 16 & 0x3FFF)
        answer = None if self.errno else self._answer(request & 0xFF, data.retrieve())
        if answer is None:
            client.complete(-1, self.errno or errno.EINVAL)
        else:
            data.update(0, answer)
            client.complete(0, 0)
        return True

    def _answer(self, number: int, question: bytes) -> bytes | None:
        """The filled struct, None for "no such": what ends each enumeration."""
        index, second = struct.unpack_from("<II", question)
        filled = bytearray(question)
        pixel_formats = list(dict.fromkeys(form["pixel_format"] for form in self.formats))
        if number == _QUERYCAP:
            card = self._request["product"].encode()[:31]
            struct.pack_into("<16s32s32sI", filled, 0, b"uvcvideo", card, b"usb", 0x60100)
            struct.pack_into("<II", filled, 84, _CAN | _SAYS_IT_OF_THE_NODE, _CAN)
            return bytes(filled)
        if number == _ENUM_FMT:
            if second != 1 or index >= len(pixel_formats):
                return None
            struct.pack_into("<32s4s", filled, 12, b"", pixel_formats[index].encode())
            return bytes(filled)
        asked = [
            form
            for form in self.formats
            if form["pixel_format"].encode() == struct.pack("<I", second)
        ]
        if number == _ENUM_FRAMESIZES and index < len(asked):
            form = asked[index]
            struct.pack_into("<III", filled, 8, 1, form["width"], form["height"])
            return bytes(filled)
        if number == _ENUM_FRAMEINTERVALS:
            size = struct.unpack_from("<II", question, 8)
            rates = [
                rate
                for form in asked
                if (form["width"], form["height"]) == size
                for rate in form["rates"]
            ]
            if index < len(rates):
                rate = Fraction(rates[index]).limit_denominator(1001)
                struct.pack_into("<III", filled, 16, 1, rate.denominator, rate.numerator)
                return bytes(filled)
        return None


class Bus:
    """Answers the requests of one test."""

    def __init__(self, control: str) -> None:
        self._bed = UMockdev.Testbed.new()
        self._cameras: dict[str, Camera] = {}
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(control)
        self._server.listen()
        GLib.io_add_watch(self._server.fileno(), GLib.IO_IN, self._on_connection)
        GLib.timeout_add(20, self._on_tick)

    def _on_tick(self) -> bool:
        for camera in self._cameras.values():
            camera.follow_authorized()
        return True

    def _on_connection(self, *_: Any) -> bool:
        with self._server.accept()[0] as connection, connection.makefile("rw") as stream:
            answer = self._done(json.loads(stream.readline()))
            stream.write(json.dumps(answer) + "\n")
        return True

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        camera = self._cameras.get(request["port"])
        match request["do"]:
            case "plug" if camera is None:
                used = {node for one in self._cameras.values() for node in one.nodes}
                number = request["node"]
                while number is None or number in used:
                    number = 0 if number is None else number + 2
                camera = self._cameras[request["port"]] = Camera(self._bed, request, number)
                camera.plug()
            case "unplug" if camera is not None:
                del self._cameras[request["port"]]
                camera.unplug()
            case "fail" if camera is not None:
                camera.fail(request["errno"])
            case "change" if camera is not None:
                camera.change()
            case "authorised" if camera is not None:
                return {"written": camera.written}
            case _:
                return {"error": f"cannot {request['do']} at {request['port']}"}
        return {"device": f"/dev/video{camera.nodes[0]}"}


def main() -> int:
    control, *command = sys.argv[1:]
    bus = Bus(f"{control}.new")
    os.rename(f"{control}.new", control)  # noqa: PTH104 - from here on it listens
    child = subprocess.Popen(command)
    loop = GLib.MainLoop()

    def end_child() -> bool:
        child.terminate()
        return True

    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, end_child)
    codes: list[int] = []

    def ended(_pid: int, status: int) -> None:
        codes.append(os.waitstatus_to_exitcode(status))
        loop.quit()

    GLib.child_watch_add(GLib.PRIORITY_DEFAULT, child.pid, ended)
    loop.run()
    del bus
    return codes[0] & 0xFF


if __name__ == "__main__":
    sys.exit(main())
