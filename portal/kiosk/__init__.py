"""What is on the screen: a compositor, Chromium in it, and the watchdog of both."""

from portal.kiosk.flags import chromium_flags

__all__ = ["chromium_flags"]
