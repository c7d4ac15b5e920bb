"""Which of a box's addresses its MediaMTX offers to a screen."""

from __future__ import annotations

from portal.config import Config, SiteSection
from portal.mediamtx.credentials import Credentials
from portal.mediamtx.settings import environment

_CREDENTIALS = Credentials(api="a" * 43, publish="p" * 43)
_FORWARDED = {
    "MTX_WEBRTCADDITIONALHOSTS": "203.0.113.7",
    "MTX_WEBRTCIPSFROMINTERFACES": "no",
}


def test_a_box_with_one_address_offers_that_one_whatever_the_environment_says() -> None:
    env = environment(Config(site=SiteSection(address="192.0.2.1")), _FORWARDED, _CREDENTIALS)
    assert env["MTX_WEBRTCADDITIONALHOSTS"] == "192.0.2.1"
    assert env["MTX_WEBRTCIPSFROMINTERFACES"] == "no"


def test_a_box_on_all_interfaces_offers_what_its_interfaces_have() -> None:
    env = environment(Config(site=SiteSection(address="0.0.0.0")), {}, _CREDENTIALS)
    assert env["MTX_WEBRTCADDITIONALHOSTS"] == ""
    assert env["MTX_WEBRTCIPSFROMINTERFACES"] == "yes"


def test_a_box_behind_a_port_forward_offers_the_address_that_its_unit_names() -> None:
    env = environment(Config(site=SiteSection(address="0.0.0.0")), _FORWARDED, _CREDENTIALS)
    assert env.items() >= _FORWARDED.items()
