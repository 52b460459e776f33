"""Who gets an answer, and the headers that every answer carries."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "edge-asl-token"
OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REFUSAL = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Access token required</title>
<h1>Access token required</h1><p>Open this address once with <code>?token=</code> followed by the token.</p>
<p lang="de">Öffne diese Adresse einmal mit <code>?token=</code> und dem Schlüssel dahinter.</p>
"""


class Guard:
    """ASGI middleware: the right name or the right token, and ``HEADERS`` on every answer.

    With a token, ``/?token=…`` hands it to the browser as a cookie; programs send ``Authorization: Bearer …``.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(HTTPConnection(scope))
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        """What to answer instead, if the request is not allowed."""
        headers = request.headers
        host = headers.get("host", "")
        if request.scope["method"] == "POST" and headers.get("origin", f"http://{host}").partition("//")[2] != host:
            return JSONResponse({"error": "only the kiosk's own page may do this"}, 403)
        if self._token is None:
            name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
            if name in OWN_NAMES:
                return None
            return JSONResponse({"error": f"expected the host name 127.0.0.1 or localhost, found {name!r}"}, 421)
        if self._same(_bearer(headers)) or self._same(request.cookies.get(COOKIE, "")):
            return None
        query = request.query_params
        if request.scope["path"] == "/" and self._same(query.get("token", "")):
            return _welcome(query)
        if "text/html" in headers.get("accept", ""):
            return HTMLResponse(REFUSAL, 401)
        return JSONResponse({"error": "access token required: open /?token=… once or send Authorization: Bearer"}, 401)

    def _same(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())


def _welcome(query: QueryParams) -> Response:
    """Redirect to an address without the token, which would otherwise stay in histories and logs."""
    rest = urlencode([(name, value) for name, value in query.multi_items() if name != "token"])
    answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)
    answer.set_cookie(COOKIE, query["token"], max_age=365 * 86400, httponly=True, samesite="strict", path="/")
    return answer


def _bearer(headers: Headers) -> str:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""
