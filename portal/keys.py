"""Keys by the names that evdev gives them: those that buttons, remotes and keypads send.

Any other goes by its number (`sudo evtest` shows both). The numbers are the kernel's, for ever.
"""

from __future__ import annotations

_ROWS = {2: "1234567890", 16: "QWERTYUIOP", 30: "ASDFGHJKL", 44: "ZXCVBNM"}
_NAMED = {
    "KEY_ESC": 1,
    "KEY_ENTER": 28,
    "KEY_SPACE": 57,
    "KEY_F11": 87,
    "KEY_F12": 88,
    "KEY_MUTE": 113,
    "KEY_VOLUMEDOWN": 114,
    "KEY_VOLUMEUP": 115,
    "KEY_POWER": 116,
    "KEY_PAUSE": 119,
    "KEY_STOP": 128,
    "KEY_MENU": 139,
    "KEY_SLEEP": 142,
    "KEY_WAKEUP": 143,
    "KEY_PROG1": 148,
    "KEY_PROG2": 149,
    "KEY_SCREENLOCK": 152,
    "KEY_PLAYPAUSE": 164,
    "KEY_HOMEPAGE": 172,
    "KEY_PROG3": 202,
    "KEY_PROG4": 203,
    "KEY_PLAY": 207,
    "KEY_CAMERA": 212,
    "KEY_MEDIA": 226,
    "KEY_RFKILL": 247,
    "KEY_MICMUTE": 248,
    "KEY_OK": 352,
    "KEY_SELECT": 353,
    "KEY_RED": 398,
    "KEY_GREEN": 399,
    "KEY_YELLOW": 400,
    "KEY_BLUE": 401,
    "KEY_CAMERA_ACCESS_TOGGLE": 589,
    "KEY_PRIVACY_SCREEN_TOGGLE": 633,
    "BTN_TRIGGER": 288,
    "BTN_SOUTH": 304,
    "BTN_TRIGGER_HAPPY1": 704,
}
MAX_CODE = 767

KEYS: dict[str, int] = {
    **{f"KEY_{key}": first + i for first, row in _ROWS.items() for i, key in enumerate(row)},
    **{f"KEY_F{number}": 58 + number for number in range(1, 11)},
    **{f"KEY_F{number}": 170 + number for number in range(13, 25)},
    **{f"BTN_{number}": 256 + number for number in range(10)},
    **_NAMED,
}


def code_of(key: str) -> int | None:
    """The number of a key by its name, or by the number itself; None for no such key."""
    if key.isascii() and key.isdigit():
        return int(key) if 0 < int(key) <= MAX_CODE else None
    return KEYS.get(key)
