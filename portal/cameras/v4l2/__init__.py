"""The V4L2 boundary: what a device can deliver and set, and in words why it cannot be asked."""

from portal.cameras.v4l2.controls import Written, is_mode, read_controls, write_controls
from portal.cameras.v4l2.explain import explained, holders
from portal.cameras.v4l2.formats import camera_formats, rates_within, read_formats, sizes_within
from portal.cameras.v4l2.node import answer

__all__ = [
    "Written",
    "answer",
    "camera_formats",
    "explained",
    "holders",
    "is_mode",
    "rates_within",
    "read_controls",
    "read_formats",
    "sizes_within",
    "write_controls",
]
