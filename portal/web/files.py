"""The pages' files, read once at start and served from memory.

They are 160 kB in all, and the kiosk page asks for 18 before its first picture: from memory each
takes 0.3 ms instead of 0.9 with aiohttp's static route, which goes through a thread. Until its
restart a daemon serves the version that it started with, also while an update replaces the files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from aiohttp import ETag, web

from portal import resources

# Python's own table differs between versions and machines, and a browser refuses a module or a
# style sheet whose type is wrong. What is not in here is not served.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


class PageFile(msgspec.Struct, frozen=True):
    """A file's bytes, with what a browser must know of them."""

    body: bytes
    content_type: str
    etag: str


def read_folder(folder: Path) -> dict[str, PageFile]:
    """The files of a folder by their path in it."""
    return {
        path.relative_to(folder).as_posix(): PageFile(
            body, _TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:16]
        )
        for path in folder.rglob("*")
        if path.suffix in _TYPES and path.is_file()
        for body in [path.read_bytes()]
    }


def add_files(app: web.Application, prefix: str, files: dict[str, PageFile]) -> None:
    """Serve them below `prefix`; `index.html` also as the folder itself."""

    async def get_file(request: web.Request) -> web.Response:
        file = files.get(request.match_info["name"] or "index.html")
        if file is None:
            raise web.HTTPNotFound
        # Asked for again each time, so that a page is new after an update; a 304 otherwise.
        headers = {"Cache-Control": "no-cache", "ETag": f'"{file.etag}"'}
        known = request.if_none_match or ()
        if ETag(value=file.etag) in known or any(etag.value == "*" for etag in known):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = file.content_type
        return web.Response(body=file.body, headers=headers)

    app.router.add_get(prefix + "/{name:.*}", get_file)


def add_kiosk_page(app: web.Application) -> None:
    """`/kiosk/`, the page on the screen."""

    async def to_folder(_request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect("/kiosk/")

    app.router.add_get("/kiosk", to_folder)
    add_files(app, "/kiosk", read_folder(resources.kiosk_dir()))


def add_kiosk_modules(app: web.Application) -> None:
    """Only its modules, which the first page uses."""
    files = read_folder(resources.kiosk_dir())
    add_files(app, "/kiosk", {name: file for name, file in files.items() if name.endswith(".js")})
