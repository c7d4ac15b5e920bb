"""Everything about the cameras that are present, as programs and people read it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from portal.cameras.controls import CameraControls
from portal.errors import CameraError, StoreError
from portal.model import Camera, CameraControl


class CameraDetails(Camera, frozen=True):
    """A camera with its controls, without the input arguments, in which passwords stand."""

    published: bool = False
    controls: tuple[CameraControl, ...] = ()
    kept: dict[str, int] = msgspec.field(
        default_factory=dict
    )  # what people set, by control: set again at each plug
    problem: str = ""  # why the controls cannot be told
    remedy: str = ""


async def details_of(
    cameras: Iterable[Camera], controls: CameraControls, *, published: str = ""
) -> list[CameraDetails]:
    """One for each, in order; `published` is the id of the one that the other site sees."""
    return [
        *await asyncio.gather(
            *(_details(camera, controls, camera.id == published) for camera in cameras)
        )
    ]


async def _details(camera: Camera, controls: CameraControls, is_published: bool) -> CameraDetails:
    found: tuple[CameraControl, ...] = ()
    kept: dict[str, int] = {}
    fault: CameraError | StoreError | None = None
    try:
        found = await controls.controls(camera)
        kept = dict(await controls.kept(camera))
    except (CameraError, StoreError) as exc:
        fault = exc
    return CameraDetails(
        **{**msgspec.structs.asdict(camera), "input": ()},
        published=is_published,
        controls=found,
        kept=kept,
        problem=fault.message if fault is not None else "",
        remedy=fault.remedy if fault is not None else "",
    )
