"""What udev says becomes values, whatever it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from portal.cameras.identity import VideoDevice
from portal.cameras.udev import UdevWatch


class _Properties(dict[str, bytes]):
    """As pyudev's: text that is no UTF-8 raises."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name).decode()


def test_a_product_name_cut_in_the_middle_of_a_letter_does_not_hide_the_camera() -> None:
    properties = _Properties(
        ID_V4L_PRODUCT="Café Kamera".encode()[:4],
        ID_MODEL=b"Kamera",
        ID_V4L_CAPABILITIES=b":capture:",
    )
    with pytest.raises(UnicodeDecodeError):
        properties["ID_V4L_PRODUCT"]
    (found,) = present(properties, "/dev/video0")
    assert found.captures
    assert found.product == "Kamera"


def test_a_touch_surface_is_no_camera_although_it_captures() -> None:
    properties = _Properties(ID_V4L_PRODUCT=b"vivid", ID_V4L_CAPABILITIES=b":capture:touch:")
    (found,) = present(properties, "/dev/v4l-touch0")
    assert not found.captures


def present(properties: _Properties, node: str) -> tuple[VideoDevice, ...]:
    device: Any = SimpleNamespace(
        device_node=node,
        device_path="/devices/a",
        properties=properties,
        attributes=SimpleNamespace(asint=lambda _name: 0),
        parent=None,
        find_parent=lambda *_kind: None,
    )
    context: Any = SimpleNamespace(
        list_devices=lambda subsystem: [device] if subsystem == "video4linux" else []
    )
    monitor: Any = None
    return UdevWatch(context, monitor).present()
