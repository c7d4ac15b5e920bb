"""`portal cameras`: list them, set and reset their controls.

The daemon is asked where one runs: it knows which camera is published and keeps what is set.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from portal.config import Config, load_config_or_default, state_dir
from portal.errors import CameraError, PortalError

# What only one command needs is imported in it: the daemon must not carry it.
if TYPE_CHECKING:
    from portal.cameras.details import CameraDetails
    from portal.model import CameraControl

# A camera that hangs is given up after 6 s, twice where it is read after it is set.
_ANSWER_WITHIN_S = 20.0


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def cameras(ctx: click.Context, *, as_json: bool) -> None:
    """List the cameras that are present, in order of preference, with all that they can do."""
    if ctx.invoked_subcommand is not None:
        return
    from portal.cameras.details import CameraDetails

    config = load_config_or_default(ctx.obj)
    told = _ask(config, "GET", "/api/v1/cameras")
    found = asyncio.run(_look(config)) if told is None else _decoded(told, list[CameraDetails])
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif found:
        click.echo("\n\n".join(_described(camera) for camera in found))
    else:
        click.echo("No camera is plugged in.")


@cameras.command(name="set")
@click.argument("camera")
@click.argument("assignments", metavar="NAME=VALUE…", nargs=-1, required=True)
@click.pass_obj
def set_controls(path: Path | None, camera: str, assignments: tuple[str, ...]) -> None:
    """Set controls of a camera, named by its id: it gets them again whenever it is plugged in."""
    wishes = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator or not name:
            raise click.UsageError(f"{assignment!r} is not NAME=VALUE, such as brightness=10")
        wishes[name.strip()] = value.strip()
    controls = _tell(load_config_or_default(path), "PATCH", _address(camera), wishes)
    click.echo("\n".join(_line(one) for one in controls if one.name in wishes))


@cameras.command()
@click.argument("camera")
@click.argument("names", metavar="[NAME…]", nargs=-1)
@click.pass_obj
def reset(path: Path | None, camera: str, names: tuple[str, ...]) -> None:
    """Give the named controls of a camera, or all, their defaults."""
    config, address = load_config_or_default(path), _address(camera)
    for address_of_one in [f"{address}/{_quoted(name)}" for name in names] or [address]:
        controls = _tell(config, "DELETE", address_of_one)
    chosen = [one for one in controls if not names or one.name in names]
    click.echo("\n".join(_line(one) for one in chosen))


async def _look(config: Config) -> list[CameraDetails]:
    """Without a daemon."""
    from portal.cameras.controls import CameraControls
    from portal.cameras.details import details_of
    from portal.cameras.inventory import list_cameras
    from portal.model import SiteStatus, Snapshot
    from portal.state import StateBoard
    from portal.store import Store

    store = Store(state_dir())
    site = SiteStatus(name=config.site.name, title="", version="", started_at=time.time())
    found = await list_cameras(config, store)
    return await details_of(found, CameraControls(StateBoard(Snapshot(site=site)), store))


def _address(camera: str) -> str:
    return f"/api/v1/cameras/{_quoted(camera)}/controls"


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _tell(
    config: Config, method: str, path: str, body: dict[str, str] | None = None
) -> list[CameraControl]:
    from portal.model import CameraControl

    told = _ask(config, method, path, body)
    if told is None:
        raise CameraError(
            "no portal runs here that could keep what is set",
            remedy="start it: systemctl start portal, or portal run",
        )
    controls: list[CameraControl] = _decoded(told, list[CameraControl])
    return controls


def _ask(
    config: Config, method: str, path: str, body: dict[str, str] | None = None
) -> bytes | None:
    """The daemon's answer, None where none runs. Raises `PortalError` with what it refuses."""
    connection = http.client.HTTPConnection(
        config.loopback, config.ports.kiosk, timeout=_ANSWER_WITHIN_S
    )
    try:
        connection.request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        response = connection.getresponse()
        said = response.read()
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException) as exc:
        raise PortalError(
            f"the portal at {config.loopback}:{config.ports.kiosk} does not answer: {exc}",
            remedy="see `portal doctor`",
        ) from exc
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise _refusal(said, response.status)
    return said


def _refusal(said: bytes, status: int) -> PortalError:
    try:
        answer = json.loads(said)
        return CameraError(str(answer["error"]), remedy=str(answer["remedy"]))
    except (ValueError, KeyError, TypeError):
        return PortalError(f"the portal answers {status}", remedy="is it another version?")


def _decoded(said: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(said, type=kind)
    except msgspec.MsgspecError as exc:
        raise PortalError(
            f"the portal's answer is not understood: {exc}", remedy="is it another version?"
        ) from exc


def _described(camera: CameraDetails) -> str:
    """A camera for people."""
    where = f", port {camera.port}" if camera.port else ""
    shown = "  published" if camera.published else ""
    lines = [f"{camera.name}  [{camera.id}]  {camera.device or camera.source}{where}{shown}"]
    for form in camera.formats:
        rates = ", ".join(f"{rate:.4g}" for rate in form.rates)
        lines.append(f"    {form.pixel_format} {form.width}x{form.height} at {rates} fps")
    lines += [f"    {_line(control, camera.kept)}" for control in camera.controls]
    if camera.problem:
        lines.append(f"    {camera.problem}; {camera.remedy}")
    return "\n".join(lines)


def _line(control: CameraControl, kept: dict[str, int] | None = None) -> str:
    from portal.cameras.ranges import range_of, said

    notes = [
        note
        for note, holds in (
            ("kept", kept is not None and control.name in kept),
            ("an automatic mode decides", control.inactive),
            ("read-only", control.read_only),
        )
        if holds
    ]
    value = "" if control.value is None else f" = {said(control, control.value)}"
    remark = f"  ({', '.join(notes)})" if notes else ""
    return f"{control.name}{value}: {range_of(control)}{remark}"
