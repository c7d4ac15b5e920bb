"""The snapshot as pages and programs may read it."""

from __future__ import annotations

import msgspec

from portal.model import Camera, Snapshot


def for_pages(snapshot: Snapshot) -> Snapshot:
    """Without the cameras' input arguments: a network camera's password stands among them."""
    status = snapshot.camera
    camera = None if status.camera is None else _without_input(status.camera)
    return msgspec.structs.replace(
        snapshot,
        camera=msgspec.structs.replace(status, camera=camera),
        cameras=tuple(_without_input(one) for one in snapshot.cameras),
    )


def _without_input(camera: Camera) -> Camera:
    return msgspec.structs.replace(camera, input=())
