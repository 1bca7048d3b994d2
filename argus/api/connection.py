"""A client's connection: what cannot be read as HTTP is answered like everything else that is wrong."""

import uuid
from typing import Final

from aiohttp import web

from argus.api.frame import HEADER, SECURITY, problem_response
from argus.api.problems import Problem

# A connection without a request is closed after so long.
KEEPALIVE_S: Final = 75.0
# Room for a filter with as many ids as it may name.
LINE_BYTES_MAX: Final = 65_536
HEADERS_BYTES_MAX: Final = 16_384


class Connection(web.RequestHandler):
    """As aiohttp's own, which would repeat in its answer what it could not read: a token, for instance."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 - the signature is the base's
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("something has been answered already")
        detail = "The request is not HTTP as it is read here" if status < 500 else "Something went wrong here"
        request_id = uuid.uuid4().hex
        response = problem_response(Problem(status, "invalid" if status < 500 else "internal", detail), request_id)
        response.headers.update({**SECURITY, HEADER: request_id, "Server": "argus"})
        response.force_close()
        return response
