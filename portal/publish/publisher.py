"""Keeps one ffmpeg alive and sending. MediaMTX runs this file as a path's `runOnInit` command.

    python -I -S publisher.py --parent PID --status FILE --tag TAG [--device NODE]
                              [--first-frame SECONDS] -- ffmpeg … URL

Where the URL says $PORTAL_PUBLISH_PASSWORD, that variable's value is put in: ffmpeg takes it in no
other way, so it shows in the list of processes, but not in what we write.

MediaMTX alone waits 5 s before it runs a dead command again, and believes in an ffmpeg that lives
but sends nothing. This ends at SIGINT or SIGTERM, or with the MediaMTX that is `--parent`; its
ffmpeg ends with it. Only light modules of the standard library: one of these runs per camera.
"""

import os
import select
import signal
import sys
import time

RESTART_S = 0.05  # after an ffmpeg that was healthy
BACKOFF_FIRST_S = 0.25
BACKOFF_CAP_S = 5.0
HEALTHY_AFTER_S = 2.0  # of sending
FIRST_FRAME_S = 10.0  # unless told otherwise: a network camera may take long to answer
DEVICE_EVERY_S = 0.1  # a look for one that is gone: a stat
STALLED_S = 3.0
# Frames exactly alike for 2 s: see STILL in encoder.py. A camera's frames never are, but those of a
# still scene without noise, which a restart does not change. So one in vain is not soon repeated.
STILL_TOLD = b"lavfi.freezedetect.freeze_start="
THAW_VERDICT_S = 8.0  # a camera may take 3 s to start and to find its exposure
THAW_PAUSE_S = 10.0
THAW_PAUSE_CAP_S = 3600.0
STOP_GRACE_S = 0.6  # MediaMTX waits for us when it ends a path
KEEP_LINES = 12

# Kept by util-linux, part of every Debian: without it ffmpeg would outlive a SIGKILL of ours.
SETPRIV = ("/usr/bin/setpriv", "/bin/setpriv")
# The variable, as portal/mediamtx/settings.py calls it.
PASSWORD = "PORTAL_PUBLISH_PASSWORD"  # noqa: S105 - its name
# Frames are counted at its progress reports.
PROGRESS = ["-progress", "pipe:1", "-stats_period", "0.25", "-nostats"]


class Thaw:
    """Whether a picture that stands still is worth a restart of ffmpeg."""

    def __init__(self) -> None:
        self._thawed = False  # this ffmpeg was started because the one before stood still
        self._pause_s = THAW_PAUSE_S
        self._next_at = 0.0

    def wants(self, started: float, now: float) -> bool:
        """Asked once for each time that the picture comes to stand."""
        if self._thawed and now - started < THAW_VERDICT_S:
            self._thawed = False
            self._pause_s = min(THAW_PAUSE_CAP_S, self._pause_s * 10)
            self._next_at = now + self._pause_s
            return False
        if now < self._next_at:
            return False
        if self._thawed:
            self._pause_s = THAW_PAUSE_S
        self._thawed = True
        return True

    def other_end(self) -> None:
        """ffmpeg ended for another reason."""
        self._thawed = False


class Ffmpeg:
    """One run of it."""

    def __init__(self, command: list[str], password: str, first_frame_s: float) -> None:
        self.first_frame_s = first_frame_s
        self._password = password or "$" + PASSWORD  # an empty one would be found everywhere
        self.started = self.moved = time.monotonic()
        self.first_frame = 0.0
        self.is_still = False
        self.frames = self._first_frames = 0
        self.lines: list[str] = []
        self._rest = self._counts = b""
        progress, progress_in = os.pipe()
        errors, errors_in = os.pipe()
        try:
            self.pid = os.posix_spawn(
                command[0],
                command,
                os.environ,
                file_actions=(
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, progress_in, 1),
                    (os.POSIX_SPAWN_DUP2, errors_in, 2),
                ),
                setsigdef=(signal.SIGPIPE,),
            )
        except OSError:
            os.close(progress)
            os.close(errors)
            raise
        finally:
            os.close(progress_in)
            os.close(errors_in)
        self.pidfd = os.pidfd_open(self.pid)
        self.progress, self.errors = progress, errors
        os.set_blocking(progress, False)
        os.set_blocking(errors, False)

    @property
    def is_healthy(self) -> bool:
        return bool(self.first_frame) and self.moved - self.first_frame >= HEALTHY_AFTER_S

    @property
    def deadline(self) -> float:
        """When it counts as dead, unless a new frame shows."""
        return self.moved + (STALLED_S if self.frames else self.first_frame_s)

    @property
    def fps(self) -> float:
        """Since the first report of frames."""
        seconds = self.moved - self.first_frame
        return (self.frames - self._first_frames) / seconds if seconds > 0 else 0.0

    def read_progress(self) -> bool:
        """Count frames, and hear whether they stand still. False at the end."""
        data = _read(self.progress)
        self.is_still = bool(data) and STILL_TOLD in (data or b"")
        if data and not self._counts:  # sound has no frames: there it is microseconds
            kinds = (b"frame=", b"out_time_us=")
            self._counts = next((kind for kind in kinds if kind in data), b"")
        found = data.rfind(self._counts) if data and self._counts else -1
        start = found + len(self._counts)
        frames = data[start:].split(b"\n", 1)[0].strip() if data and found >= 0 else b""
        if frames.isdigit() and int(frames) > self.frames:
            self.moved = time.monotonic()
            if not self.frames:
                self.first_frame, self._first_frames = self.moved, int(frames)
            self.frames = int(frames)
        return data != b""

    def read_errors(self) -> bool:
        """Keep the last lines. False at the end."""
        data = _read(self.errors)
        *lines, self._rest = (self._rest + (data or b"")).split(b"\n")
        self._rest = self._rest[-1000:]
        words = [line.decode(errors="replace").replace(self._password, "***") for line in lines]
        said = [line.strip()[:300] for line in words]
        self.lines = [*self.lines, *filter(None, said)][-KEEP_LINES:]
        return data != b""

    def end(self, grace_s: float) -> str:
        """TERM, KILL after `grace_s`, reap. Returns how it ended."""
        if grace_s:
            os.kill(self.pid, signal.SIGTERM)
            select.select([self.pidfd], [], [], grace_s)
        if not select.select([self.pidfd], [], [], 0)[0]:
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.read_errors()
        for fd in (self.pidfd, self.progress, self.errors):
            os.close(fd)
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


class Publisher:
    """Runs ffmpeg again and again, and says in the status file how that goes."""

    def __init__(
        self,
        command: list[str],
        *,
        password: str,
        parent: int,
        status: str,
        tag: str,
        device: str = "",
        first_frame_s: float = FIRST_FRAME_S,
    ) -> None:
        self._command = command
        self._password = password
        self._status = status
        self._tag = tag
        self._device = device
        self._first_frame_s = first_frame_s
        self._failures = 0
        self._told = self._state = self._why = ""
        self._said: list[str] = []
        self._thaw = Thaw()
        self._stopping = False
        self._wakeup, wakeup_in = os.pipe()
        os.set_blocking(wakeup_in, False)
        signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self._parent = os.pidfd_open(parent)
        if os.getppid() != parent:  # it died before we looked
            raise ProcessLookupError(parent)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            if not self._device_is_there():
                return
            ffmpeg = None
            try:
                ffmpeg = Ffmpeg(self._command, self._password, self._patience())
            except OSError as exc:
                why = f"{self._command[0]}: {exc.strerror}"
            else:
                self._write("starting", ffmpeg)
                why = self._watch(ffmpeg)
                if not why:
                    return
            self._why, self._said = why, ffmpeg.lines if ffmpeg else []
            self._failures = 1 if ffmpeg and ffmpeg.is_healthy else self._failures + 1
            self._write("waiting", None)
            self._log()
            if self._sleep(self._delay()):
                return

    def _device_is_there(self) -> bool:
        """Wait for the camera's node: an ffmpeg without it fails, again and again. False when we
        are to end. A camera that is pulled out ends ffmpeg with exit code 0."""
        if not self._device or os.path.exists(self._device):  # noqa: PTH110 - as in _write
            return True
        self._why, self._said, self._failures = f"{self._device} is gone", [], 0
        self._write("gone", None)
        self._log()
        while not self._sleep(DEVICE_EVERY_S):
            if os.path.exists(self._device):  # noqa: PTH110 - as in _write
                return True
        return False

    def _delay(self) -> float:
        if self._failures <= 1:
            return RESTART_S
        return min(BACKOFF_CAP_S, BACKOFF_FIRST_S * 2.0 ** min(self._failures - 2, 10))

    def _patience(self) -> float:
        """For the first frame. A machine that is busy is slow again: the third try in a row has
        twice the time, later ones four times."""
        return self._first_frame_s * 2.0 ** min(max(self._failures - 1, 0), 2)

    def _sleep(self, seconds: float) -> bool:
        """Whether to end."""
        ended = select.select([self._parent, self._wakeup], [], [], seconds)[0]
        return bool(ended) or self._stopping

    def _watch(self, ffmpeg: Ffmpeg) -> str:
        """Until its end; why it ended, "" when we are to end as well."""
        poll = select.poll()
        for fd in (self._parent, self._wakeup, ffmpeg.pidfd, ffmpeg.progress, ffmpeg.errors):
            poll.register(fd, select.POLLIN)
        while True:
            left = ffmpeg.deadline - time.monotonic()
            ready = {fd for fd, _ in poll.poll(max(0, int(left * 1000) + 1))}
            if self._parent in ready:
                ffmpeg.end(0)
                return ""
            if self._stopping:
                ffmpeg.end(STOP_GRACE_S)
                return ""
            if ffmpeg.errors in ready and not ffmpeg.read_errors():
                poll.unregister(ffmpeg.errors)
            if ffmpeg.progress in ready:
                if not ffmpeg.read_progress():
                    poll.unregister(ffmpeg.progress)
                self._tell_progress(ffmpeg)
                if ffmpeg.is_still and self._thaw.wants(ffmpeg.started, time.monotonic()):
                    ffmpeg.end(STOP_GRACE_S)
                    return "the same frame for 2 s"
            if ffmpeg.pidfd in ready:
                self._thaw.other_end()
                return f"ffmpeg ended: {ffmpeg.end(0)}"
            if time.monotonic() > ffmpeg.deadline:
                self._thaw.other_end()
                ffmpeg.end(0)
                waited = STALLED_S if ffmpeg.frames else ffmpeg.first_frame_s
                return f"no new frame for {waited:.0f} s"

    def _tell_progress(self, ffmpeg: Ffmpeg) -> None:
        """At the first frame and once healthy, not at each report: files wear out an SD card."""
        state = "healthy" if ffmpeg.is_healthy else "sending" if ffmpeg.frames else "starting"
        if state != self._state:
            if state == "healthy":
                self._failures, self._why, self._said, self._told = 0, "", [], ""
            self._write(state, ffmpeg)

    def _write(self, state: str, ffmpeg: Ffmpeg | None) -> None:
        """Whole or not at all; a full disk does not stop the picture. Why the last run ended, and
        what it said, stays until one is healthy."""
        self._state = state
        fields = {
            "tag": self._tag,
            "state": state,
            "pid": os.getpid(),
            "ffmpeg": ffmpeg.pid if ffmpeg else 0,
            "failures": self._failures,
            "frames": ffmpeg.frames if ffmpeg else 0,
            "fps": f"{ffmpeg.fps:.1f}" if ffmpeg else 0,
            "why": self._why,
        }
        text = "".join(f"{key} {value}\n" for key, value in fields.items())
        text += "".join(f"said {line}\n" for line in self._said)
        partial = f"{self._status}.{os.getpid()}"
        try:
            # pathlib and contextlib cost 2 MB a publisher
            with open(partial, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                file.write(text)
            os.replace(partial, self._status)  # noqa: PTH105
        except OSError:
            _remove(partial)

    def _log(self) -> None:
        """Into MediaMTX's log; not again while the reason stays the same."""
        if self._why == self._told:
            return
        self._told = self._why
        lines = [f"publisher: {self._why}", *(f"ffmpeg: {line}" for line in self._said)]
        try:  # noqa: SIM105 - as above
            os.write(2, ("\n".join(lines) + "\n").encode(errors="replace"))
        except OSError:
            pass


def _remove(path: str) -> None:
    try:  # noqa: SIM105 - as in _write
        os.unlink(path)  # noqa: PTH108 - as in _write
    except OSError:
        pass


def _read(fd: int) -> bytes | None:
    """What is there; None for nothing yet, empty at the end."""
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return None


def main(arguments: list[str]) -> int:
    own, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    options = dict(zip(own[::2], own[1::2], strict=True))
    setpriv = [path for path in SETPRIV if os.access(path, os.X_OK)][:1]
    dies_with_us = [*setpriv, "--pdeathsig", "KILL"] if setpriv else []
    password = os.environ.pop(PASSWORD, "")
    command[-1] = command[-1].replace("$" + PASSWORD, password)
    try:
        Publisher(
            [*dies_with_us, command[0], *PROGRESS, *command[1:]],
            password=password,
            parent=int(options["--parent"]),
            status=options["--status"],
            tag=options["--tag"],
            device=options.get("--device", ""),
            first_frame_s=float(options.get("--first-frame", FIRST_FRAME_S)),
        ).run()
    except ProcessLookupError:  # MediaMTX is gone already
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
