"""Serve a notebook on this machine only, to whoever has the token in its address."""

import logging
import os
import secrets
import socket
import threading
import webbrowser

from keras_xor.checks import KerasXorError
from keras_xor.playground.extra import notebook_extra

with notebook_extra():
    import marimo
    import uvicorn

ADDRESS = "127.0.0.1"
# Cells without a name have code that only arranges the page.
_HEAD = """<style>
[data-cell-name="_"] .tray > :has(.cm-editor) { display: none; }
[data-cell-name="_"] .tray { border: none; box-shadow: none; }
[data-cell-name="_"]:has(.tray):not(:has(.output)) { display: none; }
.console-output-area { overflow-x: auto; }
</style>"""
_REFUSED = "this page can only be opened at its own address"


def serve(notebook, port, open_browser=True):
    """Serve a marimo notebook until the process ends, and print its address.

    Args:
        notebook: Path of the notebook.
        port: Port to listen on, 0 for any that is free.
        open_browser: Whether to open the page in the browser. Defaults to True.

    Raises:
        KerasXorError: the port cannot be listened on.
    """
    token = secrets.token_urlsafe(16)
    with _listening(port) as listener:
        port = listener.getsockname()[1]
        builder = marimo.create_asgi_app(
            token=token,
            include_code=True,
            quiet=True,
            session_ttl=30,
            redirect_console_to_browser=True,
            html_head=_HEAD,
        )
        page = builder.with_app(path="", root=str(notebook)).build()
        for route in page.routes:
            route.app.state.port = port  # In the name of the cookie: servers share its host.
        logging.getLogger("marimo").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            _OwnPagesOnly(_WithCode(page), port),
            log_level="critical",
            lifespan="off",
        )
        address = f"http://{ADDRESS}:{port}/?access_token={token}"
        print(f"page: {address}\nCtrl-C ends it.", flush=True)
        if open_browser:  # In a thread, for browsers in the terminal that block until they end.
            threading.Thread(target=_open, args=[address], daemon=True).start()
        # In a thread, so that Ctrl-C remains the caller's.
        server = threading.Thread(target=uvicorn.Server(config).run, args=[[listener]], daemon=True)
        server.start()
        server.join()


def _listening(port):
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        raise KerasXorError(
            f"cannot listen on port {port} ({os.strerror(error.errno)}): choose another port, "
            "or 0 for any"
        ) from None


def _open(address):
    if not webbrowser.open(address):
        print("There is no browser here: open the address in one.", flush=True)


class _OwnPagesOnly:
    """Refuses what a page of another site sends, and requests under another name of this machine.

    A browser tells by `Origin` where a page comes from, and by `Host` what it took this server
    for: a site can let its own name lead here.
    """

    def __init__(self, page, port):
        self._page = page
        self._hosts = {f"{name}:{port}" for name in (ADDRESS, "localhost")}
        self._hosts |= {ADDRESS, "localhost"} if port == 80 else set()
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan" or self._is_own(scope):
            await self._page(scope, receive, _without_frames(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": _REFUSED})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": _REFUSED.encode()})

    def _is_own(self, scope):
        sent = {
            name: [value.decode("latin-1") for key, value in scope["headers"] if key == name]
            for name in (b"host", b"origin")
        }
        return (
            len(sent[b"host"]) == 1
            and set(sent[b"host"]) <= self._hosts
            and set(sent[b"origin"]) <= self._origins
        )


def _without_frames(send):
    async def sent(message):
        if message["type"] == "http.response.start":
            header = (b"content-security-policy", b"frame-ancestors 'none'")
            message = message | {"headers": [*message.get("headers", []), header]}
        await send(message)

    return sent


class _WithCode:
    """Redirects to `?show-code=true`, so that marimo shows the code."""

    def __init__(self, page):
        self._page = page

    async def __call__(self, scope, receive, send):
        query = scope.get("query_string", b"")
        if scope["type"] != "http" or scope["path"] != "/":
            await self._page(scope, receive, send)
            return
        if b"show-code=" in query:
            await self._twice(scope, receive, send)
            return
        location = b"/?" + query.lstrip(b"&") + b"&" * bool(query) + b"show-code=true"
        await send(
            {"type": "http.response.start", "status": 307, "headers": [(b"location", location)]}
        )
        await send({"type": "http.response.body", "body": b""})

    async def _twice(self, scope, receive, send):
        """Ask once more if need be: Python 3.11 can fail to parse in two threads at a time."""
        for _ in range(2):
            sent = []

            async def keep(message, sent=sent):
                sent.append(message)

            await self._page(scope, receive, keep)
            if sent[0].get("status") != 500:
                break
        for message in sent:
            await send(message)
