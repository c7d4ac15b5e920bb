"""Whether a camera can take a value for one of its controls. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from portal.errors import ControlError
from portal.model import CameraControl
from portal.words import ControlKind

Wish = int | bool | str  # a number, on or off, or a menu entry by its label

_SWITCH = {"on": 1, "true": 1, "yes": 1, "off": 0, "false": 0, "no": 0}


def values_of(controls: Iterable[CameraControl], wishes: Mapping[str, Wish]) -> dict[str, int]:
    """What to write for each wish. Raises `ControlError` for the first that cannot be."""
    known = {control.name: control for control in controls}
    return {name: value_of(named(known, name), wish) for name, wish in wishes.items()}


def named(known: Mapping[str, CameraControl], name: str) -> CameraControl:
    """Raises `ControlError` for a name that the camera lacks."""
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        remedy = f"did you mean {close[0]}?"
    else:
        remedy = f"it has {', '.join(known)}" if known else "it has none"
    raise ControlError(f"the camera has no control {name[:80]!r}", remedy=remedy)


def value_of(control: CameraControl, wish: Wish) -> int:
    """The number to write. Raises `ControlError`."""
    if control.read_only:
        raise ControlError(f"{control.name} cannot be changed: it is read-only now")
    if control.kind is ControlKind.BUTTON:
        return 1
    value = _number(control, wish)
    if value is None or not is_allowed(control, value):
        text = wish if isinstance(wish, str) else str(wish).lower()
        raise ControlError(
            f"{control.name} cannot be {text[:80]}", remedy=f"it takes {range_of(control)}"
        )
    return value


def is_allowed(control: CameraControl, value: int) -> bool:
    if control.kind is ControlKind.MENU:
        return any(entry.value == value for entry in control.menu)
    return control.minimum <= value <= control.maximum


def range_of(control: CameraControl) -> str:
    """Which values it takes, in words."""
    match control.kind:
        case ControlKind.BUTTON:
            return "anything: it is a button"
        case ControlKind.BOOLEAN:
            return f"on or off (default {said(control, control.default)})"
        case ControlKind.MENU:
            entries = ", ".join(said(control, entry.value) for entry in control.menu)
            return f"{entries} (default {control.default})"
    step = f" in steps of {control.step}" if control.step > 1 else ""
    return f"{control.minimum} to {control.maximum}{step} (default {control.default})"


def said(control: CameraControl, value: int) -> str:
    """A value in words."""
    if control.kind is ControlKind.BOOLEAN and value in {0, 1}:
        return "on" if value else "off"
    for entry in control.menu:
        if entry.value == value:
            return f"{value} ({entry.label})"
    return str(value)


def _number(control: CameraControl, wish: Wish) -> int | None:
    if isinstance(wish, bool):
        return int(wish) if control.kind is ControlKind.BOOLEAN else None
    if isinstance(wish, int):
        return wish
    text = " ".join(wish.split()).lower()
    if control.kind is ControlKind.BOOLEAN and text in _SWITCH:
        return _SWITCH[text]
    for entry in control.menu:
        if text == entry.label.lower():
            return entry.value
    try:
        return int(text) if text.isascii() else None
    except ValueError:
        return None
