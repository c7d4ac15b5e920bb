"""Which camera is which after replug, in another port, after a reboot, and among its twins."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from portal.cameras.identity import VideoDevice
from portal.cameras.recognition import MAX_KNOWN, KnownCamera, Recognition
from tests.unit.test_camera_identity import VIVID, device


def cheap(number: int, *, port: str) -> VideoDevice:
    """One of many that share a serial."""
    return device(number, port=port, vendor="1bcf", model="2281", serial="0001", links=())


class House:
    """Cameras are plugged into ports, and the box is rebooted."""

    def __init__(self) -> None:
        self.today = "2026-01-01"
        self.recognition = Recognition(today=lambda: self.today)

    def reboot(self, *devices: VideoDevice) -> list[str]:
        document = msgspec.json.encode(self.recognition.known())
        known = msgspec.json.decode(document, type=tuple[KnownCamera, ...])
        self.recognition = Recognition(known, today=lambda: self.today)
        return self.plugged(*devices)

    def plugged(self, *devices: VideoDevice) -> list[str]:
        """What they are called, each on its own."""
        ids = self.recognition.assign(devices)
        return [ids[one.node] for one in devices]


def test_the_only_camera_of_its_model_keeps_its_id_in_any_port_without_a_serial() -> None:
    house = House()
    (before,) = house.plugged(cheap(0, port="1-2"))
    assert house.plugged() == []
    assert house.plugged(cheap(4, port="1-4.1")) == [before]
    assert house.plugged() == []
    assert house.reboot(cheap(0, port="2-1")) == [before]
    assert house.reboot(cheap(0, port="1-2")) == [before]


def test_twins_without_a_serial_keep_their_ports_over_replug_and_reboot() -> None:
    house = House()
    left, right = house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    assert left != right
    assert house.plugged(cheap(2, port="1-3")) == [right]
    assert house.plugged() == []
    assert house.plugged(cheap(0, port="1-3")) == [right]
    assert house.reboot(cheap(0, port="1-3"), cheap(2, port="1-2")) == [right, left]
    assert house.reboot(cheap(0, port="1-2")) == [left]


def test_twins_with_one_real_serial_stay_apart_over_a_reboot_whichever_comes_first() -> None:
    house = House()
    left, right = house.plugged(device(0, port="1-2"), device(2, port="1-3"))
    assert house.reboot(device(0, port="1-3")) == [right]
    assert house.plugged(device(0, port="1-3"), device(2, port="1-2")) == [right, left]


def test_the_twin_that_moves_while_the_other_stays_keeps_its_id() -> None:
    house = House()
    left, right = house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    house.plugged(cheap(2, port="1-3"))
    assert house.plugged(cheap(2, port="1-3"), cheap(0, port="1-4")) == [right, left]
    assert house.reboot(cheap(2, port="1-4"), cheap(0, port="1-3")) == [left, right]


def test_a_second_camera_of_a_model_is_not_taken_for_the_first() -> None:
    house = House()
    (first,) = house.plugged(cheap(0, port="1-2"))
    both = house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    assert both[0] == first
    assert both[1] != first
    house.plugged()
    # Only its place tells which of the two this is; it is at home.
    assert house.plugged(cheap(0, port="1-3")) == [both[1]]


def test_where_two_are_missing_nobody_guesses_which_one_came_to_a_new_place() -> None:
    house = House()
    left, right = house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    house.plugged()
    (stranger,) = house.plugged(cheap(0, port="1-4"))
    assert stranger not in {left, right}
    house.plugged()
    assert house.plugged(cheap(0, port="1-4")) == [stranger]
    assert house.reboot(cheap(0, port="1-4")) == [stranger]
    house.plugged()
    assert house.plugged(cheap(0, port="1-2")) == [left]


def test_a_guess_ends_when_it_is_seen_who_is_missing() -> None:
    house = House()
    left, right = house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    house.plugged()
    house.plugged(cheap(0, port="1-4"))
    assert house.reboot(cheap(0, port="1-3"), cheap(2, port="1-4")) == [right, left]


def test_twins_that_both_moved_are_known_by_their_new_places() -> None:
    house = House()
    house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    house.plugged()
    new = house.plugged(cheap(0, port="1-4"), cheap(2, port="1-5"))
    assert len(set(new)) == 2
    assert house.reboot(cheap(0, port="1-5"), cheap(2, port="1-4")) == new[::-1]
    assert len(house.recognition.known()) == 2
    house.plugged(cheap(0, port="1-5"))
    assert house.plugged(cheap(0, port="1-5"), cheap(2, port="1-9")) == new[::-1]


def test_a_twin_that_left_the_house_does_not_stand_in_the_way_of_the_other() -> None:
    house = House()
    left, _ = house.plugged(cheap(0, port="1-2"), cheap(2, port="1-3"))
    house.plugged(cheap(0, port="1-2"))
    house.today = "2026-03-01"
    assert house.reboot(cheap(0, port="1-2")) == [left]
    house.plugged()
    assert house.plugged(cheap(0, port="1-7")) == [left]


def test_an_id_is_never_given_twice_though_its_place_is_free() -> None:
    house = House()
    (first,) = house.plugged(cheap(0, port="1-2"))
    house.plugged()
    assert house.plugged(cheap(0, port="1-3")) == [first]
    moved, second = house.plugged(cheap(0, port="1-3"), cheap(2, port="1-2"))
    assert moved == first
    assert second not in {"", first}
    assert house.reboot(cheap(0, port="1-2"), cheap(2, port="1-3")) == [second, first]


def test_another_model_in_the_same_port_is_another_camera() -> None:
    house = House()
    (cheap_one,) = house.plugged(cheap(0, port="1-2"))
    house.plugged()
    (other,) = house.plugged(device(0, port="1-2"))
    assert other != cheap_one


def test_a_second_node_of_a_camera_is_called_after_it() -> None:
    house = House()
    infrared = device(2, interface=2, path="pci-0000:00:14.0-usb-0:2:1.2")
    main, second = house.plugged(device(0), infrared)
    assert second == f"{main}-if2-0"
    assert len(house.recognition.known()) == 1
    house.recognition.forget("/dev/video0")
    assert house.plugged(device(0, serial="8A1B2C3D"), infrared) == [main, second]


def test_what_is_no_usb_camera_is_not_remembered() -> None:
    house = House()
    (name,) = house.plugged(VIVID)
    assert name == "vivid-platform-vivid.0"
    assert house.recognition.known() == ()


def test_only_so_many_are_remembered_but_never_fewer_than_are_there() -> None:
    house = House()
    (kept,) = house.plugged(device(0, serial="KEPT0001"))
    for number in range(MAX_KNOWN + 20):
        house.today = f"2026-02-{1 + number // 4:02}"
        house.plugged()
        house.plugged(device(0, serial=f"ABC{number:05}"))
    house.plugged()
    known = house.recognition.known(keep=kept)
    assert len(known) == MAX_KNOWN
    assert kept in {one.id for one in known}
    assert house.plugged(device(0, serial=f"ABC{MAX_KNOWN + 19:05}")) == [known[-1].id]


@given(st.lists(st.lists(st.integers(1, 5), unique=True, max_size=4), min_size=1, max_size=8))
def test_however_twins_are_moved_no_two_share_an_id_and_who_stays_keeps_it(
    moves: list[list[int]],
) -> None:
    house = House()
    before: dict[int, str] = {}
    for ports in moves:
        names = house.plugged(*(cheap(port, port=f"1-{port}") for port in ports))
        after = dict(zip(ports, names, strict=True))
        assert len(set(names)) == len(names)
        assert all(after[port] == before[port] for port in before.keys() & after.keys())
        kept = {one.id for one in house.recognition.known()}
        assert {*names} <= kept
        assert len(kept) <= 2 * max(len(one) for one in moves) + 5
        before = after
    settled = house.reboot(*(cheap(port, port=f"1-{port}") for port in moves[-1]))
    regular = {one.id for one in house.recognition.known() if not one.is_guess}
    if {*before.values()} <= regular:
        assert settled == [before[port] for port in moves[-1]]
