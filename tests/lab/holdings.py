"""What the box in the machine holds on to: processes, descriptors, memory, MediaMTX's paths."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.lab.guest_site import GuestSite

UNITS = ("portal.service", "mediamtx.service")
# The guest's own Python: importing the package there would take seconds.
_SCRIPT = r"""
import base64, json, os, pathlib, urllib.request

def unit(name):
    found = {"processes": [], "descriptors": 0, "resident_kb": 0}
    for pid in pathlib.Path(f"/sys/fs/cgroup/system.slice/{name}/cgroup.procs").read_text().split():
        process = pathlib.Path("/proc") / pid
        try:
            found["processes"].append((process / "comm").read_text().strip())
            found["descriptors"] += len(os.listdir(process / "fd"))
            status = (process / "status").read_text()
            found["resident_kb"] += int(status.split("VmRSS:")[1].split()[0])
        except (OSError, IndexError):
            continue
    found["processes"].sort()
    return found

credentials = pathlib.Path("/var/lib/portal/mediamtx-credentials.json")
secret = json.loads(credentials.read_text())["api"]
request = urllib.request.Request("http://127.0.0.1:9997/v3/paths/list?itemsPerPage=1000")
login = base64.b64encode(b"portal:" + secret.encode()).decode()
request.add_header("Authorization", "Basic " + login)
paths = [item["name"] for item in json.load(urllib.request.urlopen(request, timeout=5))["items"]]
print(json.dumps({"paths": sorted(paths), "units": {name: unit(name) for name in %r}}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Of all processes of our units together."""

    processes: tuple[str, ...]
    descriptors: int
    resident_kb: int
    paths: tuple[str, ...]


async def holdings(site: GuestSite) -> Holdings:
    """At this moment. Raises `GuestCommandError`."""
    script = _SCRIPT % (UNITS,)
    result = await site.run_argv(["python3", "-I", "-c", script])
    told = json.loads(result)
    units = told["units"].values()
    return Holdings(
        processes=tuple(sorted(name for unit in units for name in unit["processes"])),
        descriptors=sum(unit["descriptors"] for unit in units),
        resident_kb=sum(unit["resident_kb"] for unit in units),
        paths=tuple(told["paths"]),
    )


async def ffmpeg_has_ended(site: GuestSite) -> bool:
    return "ffmpeg" not in (await holdings(site)).processes
