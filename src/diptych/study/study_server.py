"""The study's page over HTTP: three files, the pictures of trials at hand, and two questions.

Nothing that a browser sends names a file. The page asks no other host, and no other page may ask
in its place: what is posted must be JSON, which browsers send elsewhere with leave only.
"""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from diptych.errors import DiptychError
from diptych.home_host import HOME, HOME_HOST
from diptych.study.sessions import RefusedError, Study

_FILES = {
    "/": ("study.html", "text/html; charset=utf-8"),
    "/study.js": ("study.js", "text/javascript; charset=utf-8"),
    "/study.css": ("study.css", "text/css; charset=utf-8"),
}
_PICTURES = "/pictures/"
_LONGEST = 1000  # bytes of what is posted
_DIGITS = 4  # of that number
_MOST_CONNECTIONS = 256  # a thread each
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Posted(BaseModel):
    """An answer: to which trial, whether left was chosen, and after how long."""

    model_config = ConfigDict(strict=True)

    rater: str
    trial: int
    left: bool
    seconds: Annotated[float, Field(ge=0, lt=1e6)]


class StudyServer(ThreadingHTTPServer):
    """Serves one study; raises DiptychError where the address cannot be had."""

    daemon_threads = True

    def __init__(self, study: Study, host: str, port: int) -> None:
        self.study = study
        page = resources.files("diptych.study")
        self.files = {
            path: (page.joinpath(name).read_bytes(), kind) for path, (name, kind) in _FILES.items()
        }
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise DiptychError(
                f"--host {host} --port {port}: cannot listen there: {error}; --port 0 takes any"
            ) from None

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{self.server_address[0]!s}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own; one connection too many is closed."""
        if threading.active_count() > _MOST_CONNECTIONS:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: StudyServer
    server_version, sys_version = "diptych", ""
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds without a byte
    disable_nagle_algorithm = True  # which would hold the answer back behind its headers

    def do_GET(self) -> None:
        if not self._is_asked_by_name():
            return
        if self.path in self.server.files:
            self._answer(HTTPStatus.OK, *self.server.files[self.path])
        elif picture := self.server.study.picture(self.path.removeprefix(_PICTURES)):
            self._answer(HTTPStatus.OK, picture, "image/png")
        else:
            self._say(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        if not self._is_asked_by_name():
            self.close_connection = True
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > _DIGITS or int(length) > _LONGEST:
            self.close_connection = True  # what follows is not read
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "too long"})
            return
        content = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            self._say(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"error": "not JSON"})
            return
        study = self.server.study
        try:
            if self.path == "/begin":
                self._say(HTTPStatus.OK, study.begin())
            elif self.path == "/answer":
                posted = _Posted.model_validate_json(content)
                reply = study.answer(posted.rater, posted.trial, posted.left, posted.seconds)
                self._say(HTTPStatus.OK, reply)
            else:
                self._say(HTTPStatus.NOT_FOUND, {"error": "no such page"})
        except ValidationError:
            self._say(HTTPStatus.CONFLICT, {"error": "not an answer"})
        except RefusedError as error:
            self._say(HTTPStatus.CONFLICT, {"error": str(error)})
        except DiptychError as error:  # as on a full disk: the rater may try again
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)})

    def _is_asked_by_name(self) -> bool:
        """Whether this machine is asked by a name of its own, where it alone may ask.

        A page elsewhere may have its own name point here. Says so where it is not.
        """
        here = str(self.server.server_address[0]) in HOME
        if here and not HOME_HOST.fullmatch(self.headers.get("Host", "")):
            self._say(HTTPStatus.FORBIDDEN, {"error": "this study is open on its machine only"})
            return False
        return True

    def _say(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **_HEADERS}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the command says what there is to say."""
