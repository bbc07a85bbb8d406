"""What stands before every request: whether it may come in, and how large it may be."""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request, cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diptych.home_host import HOME_HOST
from diptych.translation.bounded.workspace import in_gb

COOKIE = "diptych"
METRICS = "/metrics"
WITH_PICTURES = ("/translate/", "/shown/", "/look/", "/samples/", "/batch/")
LET_FINISH, LET_FINISH_SECONDS = 4_000_000, 2.0  # of the body of what is refused
DIGITS = 15  # of a length; Python counts up to thousands, and then no more
PLAIN = 10_000  # bytes of requests without pictures
LOGIN_SECONDS = 10.0  # in which a token has to be here
# A browser shows nothing from elsewhere, and no page from elsewhere shows this one; pages say more.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@dataclass
class Guard:
    """Lets requests to `app` that may come in.

    `upload`: bytes of a request.

    With a `token` they must bring it, as a header or, from the page where it is asked for, as a
    cookie; `/health` then says no more than that the server is up. Without one, and unless it is
    `open`, only the names of this machine are answered, so that no page elsewhere can have its own
    name point here. `/metrics` is told to who brings `metrics_token` as well, and where there is
    one, to nobody without either.
    """

    app: ASGIApp
    upload: int
    token: str = ""
    open: bool = False
    metrics_token: str = ""
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        if answer is None and scope["path"] == "/login":
            answer = await self._login(Request(scope, receive))
        if answer is not None:
            await _let_finish(receive)
            await answer(scope, receive, _with_headers(send))
            return
        await self.app(scope, self._counted(scope, receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to what may not come in; None to what may."""
        return (
            self._from_elsewhere(scope, headers)
            or self._without_token(scope, headers)
            or self._too_much(scope, headers)
        )

    def _from_elsewhere(self, scope: Scope, headers: Headers) -> Response | None:
        """For requests that pages of others have a browser make."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not (self.token or self.open) and not HOME_HOST.fullmatch(host):
            return refused(403, "this server answers on this machine only: start it with --token")
        if origin and scope["method"] != "GET" and origin.partition("://")[2] != host:
            return refused(403, f"not from pages of {origin}")
        return None

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        """For requests without the token."""
        path = scope["path"]
        tokens = [self.token, self.metrics_token] if path == METRICS else [self.token]
        if path == "/login" or self._allowed(headers, tokens):
            return None
        if path == "/health":
            return JSONResponse({"status": "ok"})
        if self.token and "text/html" in headers.get("accept", ""):
            return login_page()
        return refused(401, "a token is needed: Authorization: Bearer TOKEN")

    def _too_much(self, scope: Scope, headers: Headers) -> Response | None:
        """For requests that say they are too large."""
        length = headers.get("content-length", "0")
        most = self._most(scope)
        if not length.isdecimal() or len(length) > DIGITS or int(length) > most:
            return refused(413, _too_large(most))
        return None

    def _allowed(self, headers: Headers, tokens: Sequence[str]) -> bool:
        """Whether one of the tokens is brought, or there is none."""
        if not any(tokens):
            return True
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and any(same(token.strip(), each) for each in tokens):
            return True
        # Cookies of other programs on this host come along, whatever their names.
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return cookie is not None and same(cookie, self.session)

    async def _login(self, request: Request) -> Response:
        """Exchange the token for a cookie."""
        if request.method != "POST":
            return login_page()
        body = b""
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > 4096:
                        return refused(413, _too_large(4096))
        except TimeoutError:
            return refused(
                408, f"the token came too slowly: {LOGIN_SECONDS:g} seconds are the most"
            )
        except ClientDisconnect:
            return refused(400, "the sender went away")
        token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not same(token.strip(), self.token):
            return login_page("That is not the token.")
        answer = RedirectResponse("./", status_code=303)
        secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
        answer.set_cookie(COOKIE, self.session, httponly=True, samesite="strict", secure=secure)
        return answer

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """Stops the body of a request where it is larger than it may be, or said it was."""
        arrived, most = 0, self._most(scope)

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > most:
                raise HTTPException(413, _too_large(most))
            return message

        return counted

    def _most(self, scope: Scope) -> int:
        """Bytes that the body of a request may have."""
        files = scope["path"].startswith(WITH_PICTURES)
        return self.upload if files else min(PLAIN, self.upload)


def refused(status: int, words: str) -> Response:
    """An error in one line, as all of them are answered."""
    headers = {"retry-after": "5"} if status == 503 else None
    return JSONResponse({"error": words}, status_code=status, headers=headers)


def _too_large(most: int) -> str:
    size = in_gb(most) if most >= 1_000_000 else f"{most // 1000} kB"
    return f"more than {size}, the maximum allowed size of a request"


def login_page(words: str = "") -> Response:
    """The page that asks for the token."""
    page = files("diptych.serving").joinpath("login.html").read_text("utf-8")
    return HTMLResponse(page.replace("{words}", words), status_code=401)


def same(secret: str, expected: str) -> bool:
    """Whether two secrets are one, in a time that tells nothing; an empty one never is."""
    return bool(expected) and hmac.compare_digest(secret.encode(), expected.encode())


async def _let_finish(receive: Receive) -> None:
    """Take in and drop a little of what is refused.

    A client that is still sending when the connection closes may never read why.
    """
    taken = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LET_FINISH_SECONDS):
            while taken < LET_FINISH:
                message = await receive()
                taken += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # Where too much comes, the connection ends, rather than the rest be listened to.
            more = HEADERS | ({"connection": "close"} if message["status"] == 413 else {})
            for name, value in more.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
