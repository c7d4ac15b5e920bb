"""`portal.toml` as one value, and the addresses that follow from it."""

from __future__ import annotations

import ipaddress

from portal.config.sections import (
    ButtonSection,
    CameraSection,
    CaptureSection,
    DiscoverySection,
    HealingSection,
    KioskSection,
    MediaServerSection,
    MicrophoneSection,
    PeerSection,
    PortsSection,
    QuietSection,
    Section,
    SiteSection,
    VideoSection,
)


class Config(Section, frozen=True):
    """The whole file."""

    site: SiteSection = SiteSection()
    ports: PortsSection = PortsSection()
    video: VideoSection = VideoSection()
    cameras: tuple[CameraSection, ...] = ()
    peers: tuple[PeerSection, ...] = ()
    discovery: DiscoverySection = DiscoverySection()
    media_server: MediaServerSection = MediaServerSection()
    capture: CaptureSection = CaptureSection()
    microphone: MicrophoneSection = MicrophoneSection()
    kiosk: KioskSection = KioskSection()
    healing: HealingSection = HealingSection()
    quiet_hours: tuple[QuietSection, ...] = ()
    button: ButtonSection = ButtonSection()

    @property
    def title(self) -> str:
        """What the other side reads."""
        return self.site.title or self.site.name.replace("-", " ").title()

    @property
    def loopback(self) -> str:
        """Where what only this box may reach listens: the site's own loopback address if it has
        one (two sites on one machine), else 127.0.0.1."""
        return self.site.address if _is_loopback(self.site.address) else "127.0.0.1"

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network can reach this box."""
        return not _is_loopback(self.site.address)

    @property
    def local_host(self) -> str:
        """An address by which this box reaches its own public listeners."""
        return self.loopback if self.site.address in {"0.0.0.0", "::"} else self.site.address  # noqa: S104 - compared, not bound

    @property
    def whep_url(self) -> str:
        """WHEP of our own `cam`, from this box."""
        return f"http://{_bracketed(self.local_host)}:{self.ports.whep}/cam/whep"

    @property
    def kiosk_url(self) -> str:
        return f"http://{_bracketed(self.loopback)}:{self.ports.kiosk}/kiosk/"

    @property
    def api_url(self) -> str:
        """MediaMTX's control API."""
        return f"http://{_bracketed(self.loopback)}:{self.ports.api}"

    @property
    def rtsp_url(self) -> str:
        """Where the publisher sends `cam`."""
        return f"rtsp://{_bracketed(self.loopback)}:{self.ports.rtsp}/cam"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
