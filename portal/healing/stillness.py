"""When a picture that stands still is worth a restart of its camera. Pure.

The publisher there sees it first, unless it copies the camera's own H.264. A camera that froze and
a noise-free still scene look alike from here. What tells them apart is what a restart changes:
nothing in a still scene. So each one in vain makes this more patient.
"""

from __future__ import annotations

FIRST_PATIENCE_S = 1.5  # a publisher that saw it has ended its picture by the end of our look
MAX_PATIENCE_S = 3600.0
_VERDICT_S = 8.0  # an encoder is back within 2 s, a slow USB camera within 5
_STEADY_S = 5.0  # a camera that starts moves its exposure for 1 to 3 s, even before a wall
_RELAX_S = 600.0
_MUCH, _LITTLE = 10.0, 3.0


class Stillness:
    """Fed with each look; says once when to ask."""

    def __init__(self) -> None:
        self.patience_s = FIRST_PATIENCE_S
        self.is_vain = False  # the last restart changed nothing, and nothing moved since
        self._asked_at: float | None = None
        self._moved_after = 0.0
        self._moving_since: float | None = None

    def moving(self, now: float) -> None:
        """The picture moves."""
        if self._moving_since is None:
            self._moving_since = now
        moving_s = now - self._moving_since
        if self._asked_at is not None:
            self._moved_after = max(self._moved_after, moving_s)
            if moving_s >= _STEADY_S:
                self._asked_at = None
                self.patience_s = FIRST_PATIENCE_S
        elif self.is_vain and moving_s >= 1.0:
            self.is_vain = False
        if moving_s >= _RELAX_S:
            self._moving_since = now
            self.patience_s = max(FIRST_PATIENCE_S, self.patience_s / _MUCH)

    def still(self, now: float, still_s: float) -> bool:
        """The picture has stood for `still_s`: whether to ask for a restart now."""
        self._moving_since = None
        if self._asked_at is not None:
            if now - self._asked_at < _VERDICT_S:
                return False
            self._asked_at = None
            self.is_vain = not self._moved_after
            self._grow(_MUCH if self.is_vain else _LITTLE)
        if self.is_vain or still_s < self.patience_s:
            return False
        self._asked_at, self._moved_after = now, 0.0
        return True

    def unknown(self) -> None:
        """No picture, or none that is due: neither moving nor still."""
        self._moving_since = None

    def withdraw(self) -> None:
        """It was not asked for after all."""
        self._asked_at = None

    def declined(self) -> None:
        """Somebody else sees it move: our own eye is at fault, so it is believed less."""
        self._asked_at = None
        self.is_vain = True
        self._grow(_MUCH)

    def _grow(self, factor: float) -> None:
        self.patience_s = min(MAX_PATIENCE_S, self.patience_s * factor)
