"""The console's files: style, scripts, pictures. An address has its content's hash, so browsers keep it for ever."""

from hashlib import blake2b
from importlib.resources import files
from typing import Final

from aiohttp import web

from argus.api.problems import not_found

PATH: Final = "/static/{name}"
TYPES: Final = {
    ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png",
}  # fmt: skip
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
VERSION: Final = "v"


class Assets:
    """Nothing but these names is ever read, whatever a path says."""

    def __init__(self) -> None:
        found = [one for one in files("argus.console").joinpath("static").iterdir() if _suffix(one.name) in TYPES]
        self._bodies = {one.name: one.read_bytes() for one in found}
        self._versions = {name: blake2b(body, digest_size=8).hexdigest() for name, body in self._bodies.items()}

    def address(self, name: str) -> str:
        """Where a page finds it. Raises KeyError for what is not there."""
        return f"/static/{name}?{VERSION}={self._versions[name]}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._bodies:
            raise not_found("There is no such file")
        version = self._versions[name]
        known = request.query.get(VERSION) == version
        headers = {"Cache-Control": FOR_EVER if known else ASK_AGAIN, "ETag": f'"{version}"'}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=self._bodies[name], content_type=TYPES[_suffix(name)], charset="utf-8", headers=headers
        )


ASSETS: Final = web.AppKey("assets", Assets)


def serve_assets(app: web.Application) -> None:
    app.router.add_get(PATH, app[ASSETS].serve)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]
