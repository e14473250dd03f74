"""Who may ask the explorer, and what a browser may do with its page.

The server listens on this machine alone, but every page that is open in a browser here can send
requests to it, and a foreign name can be made to resolve to this machine (DNS rebinding). So the
Host and the Origin of a request must be the explorer's own, and every question needs the token
that stands in the address: sent in a header of its own, which no other page may set.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: Header that carries the token.
TOKEN = "x-skybind-token"

#: What the page may load: its own files, and pictures that stand in its data. The map's renderer
#: compiles its draw calls (regl), so code may be made by the page's own scripts; none of them
#: makes any of what it was sent.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
#: Pages that may show the explorer of a notebook in a frame: those of this machine, VS Code's too.
FRAMES = "http://localhost:* http://127.0.0.1:* https://localhost:* vscode-webview: vscode-file:"


class Guard:
    """ASGI middleware that refuses what does not come from the explorer's own page.

    Parameters
    ----------
    app : ASGI application
    token : str
    hosts : set of str
        Values of the header Host that are its own, with the port.
    framed : bool
        Let notebooks on this machine show the page in a frame.
    """

    def __init__(self, app: Any, token: str, hosts: set[str], framed: bool = False) -> None:
        self.app, self.token, self.hosts = app, token, hosts
        self.headers = dict(HEADERS)
        if framed:
            allowed = POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {FRAMES}")
            self.headers["content-security-policy"] = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = [(k.encode(), v.encode()) for k, v in self.headers.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        refusal = self.refusal(scope["path"], headers)
        if refusal is None:
            await self.app(scope, receive, guarded)
            return
        status, sentence = refusal
        await JSONResponse({"error": sentence}, status)(scope, receive, guarded)

    def refusal(self, path: str, headers: MutableMapping[str, str]) -> tuple[int, str] | None:
        """Say why a request is refused, with its status; None if it is not."""
        if headers.get("host", "").lower() not in self.hosts:
            return 421, "This address is not the explorer's: open the one that it printed."
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{h}" for h in self.hosts}:
            return 403, "Another page may not ask the explorer."
        if headers.get("sec-fetch-site") == "cross-site" and path.startswith("/api/"):
            return 403, "Another page may not ask the explorer."
        if path.startswith("/api/"):
            given = headers.get(TOKEN, "")
            if not secrets.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
                return 401, "The token is missing or wrong: open the address that was printed."
        return None
