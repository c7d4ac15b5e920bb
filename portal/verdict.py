"""What a look at a picture found: frames that move, a still, or nothing. Pure: no WebRTC."""

from __future__ import annotations

from portal.model import Value
from portal.words import PictureState

# A sample differs when its luma changed by more than x264's rounding does from frame to frame.
_DIFFERENT = 3
_SAMPLES = 3
# A still picture changes only at a keyframe and where the encoder refines it: measured in 2 to 5 %
# of the frames at 400 kbit/s with a keyframe a second, in none at 2500. A camera's noise, sigma 1,
# changes every frame.
_MOVING_SHARE = 0.25
# With five keyframes a second that is most frames of a still picture too. But then its encoder
# comes back to the very same picture, in every 2 s (0.3 to 2.5 Mbit/s); with noise of sigma 0.3
# it never does.
_RETURN_AFTER_S = 0.6
# Or seldom but strongly, such as the seconds of a clock (206): keyframes moved luma by 17 at most.
_STRONG = 48
_STRONG_SAMPLES = 3


class ProbeResult(Value, frozen=True):
    """One look at a path. `reason` is one line for a person, "" when live."""

    url: str
    state: PictureState
    reason: str = ""
    remedy: str = ""
    fps: float = 0.0
    width: int = 0
    height: int = 0
    frames: int = 0
    first_frame_s: float | None = None  # from the request to the first decoded frame
    connected: bool = False  # media could flow

    @property
    def is_live(self) -> bool:
        return self.state is PictureState.LIVE


class MotionMeter:
    """Fed with the luma samples of one decoded frame after the other, says whether they move."""

    def __init__(self) -> None:
        self._last: bytes | None = None
        self._pairs = 0
        self._different = 0
        self._strong = 0
        self._first_seen: dict[int, float] = {}  # by hash
        self._has_returned = False

    def add(self, luma: bytes, at: float = 0.0) -> None:
        """`at`: seconds, on any clock."""
        first_at = self._first_seen.setdefault(hash(luma), at)
        self._has_returned |= at - first_at >= _RETURN_AFTER_S
        last, self._last = self._last, luma
        if last is None:
            return
        self._pairs += 1
        if last == luma:
            return
        if len(last) != len(luma):  # another size: somebody published anew
            self._different += 1
            return
        changes = [abs(a - b) for a, b in zip(last, luma, strict=True)]
        self._different += sum(change >= _DIFFERENT for change in changes) >= _SAMPLES
        self._strong += sum(change >= _STRONG for change in changes) >= _STRONG_SAMPLES

    @property
    def is_moving(self) -> bool:
        if not self._pairs:
            return False
        if self._strong:
            return True
        return not self._has_returned and self._different / self._pairs >= _MOVING_SHARE
