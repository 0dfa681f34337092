"""Serve a notebook on 127.0.0.1 only, to whoever has the token in its address."""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import threading
import webbrowser
from pathlib import Path
from typing import Any

from keras_xor.playground.extra import notebook_extra
from keras_xor.values import KerasXorError

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


def serve(notebook: Path, port: int, open_browser: bool = True) -> None:
    """Serve a marimo notebook until the process ends, and print its address.

    With port 0, it listens on any that is free.

    Raises:
        KerasXorError: it cannot listen on the port.
    """
    token = secrets.token_urlsafe(16)
    with _listen(port) as listener:
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
        for route in page.routes:  # type: ignore[attr-defined]
            route.app.state.port = port  # In the name of the cookie: servers share its host.
        logging.getLogger("marimo").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            _OwnPagesOnly(_retry_failures(page), port),
            log_level="critical",
            lifespan="off",
        )
        address = f"http://{ADDRESS}:{port}/?access_token={token}&show-code=true"
        print(f"page: {address}\nCtrl-C ends it.", flush=True)
        if open_browser:  # In a thread, for browsers in the terminal that block until they end.
            threading.Thread(target=_open, args=[address], daemon=True).start()
        # In a thread, so that Ctrl-C remains the caller's.
        server = threading.Thread(target=uvicorn.Server(config).run, args=[[listener]], daemon=True)
        server.start()
        server.join()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise KerasXorError(
            f"cannot listen on port {port} ({reason}): choose another port, or 0 for any"
        ) from None


def _open(address: str) -> None:
    if not webbrowser.open(address):
        print("There is no browser here: open the address in one.", flush=True)


def _retry_failures(page: Any) -> Any:
    """Ask for the page again if it fails: Python 3.11 may not parse in two threads at once."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/":
            await page(scope, receive, send)
            return
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        for _ in range(5):
            sent.clear()
            with contextlib.suppress(SystemError):
                await page(scope, receive, keep)
            if sent and sent[0].get("status") != 500:
                break
            await asyncio.sleep(0.1)
        for message in sent:
            await send(message)

    return answer


class _OwnPagesOnly:
    """Refuses what a page of another site sends, and requests under another name of the server.

    A browser tells by `Origin` where a page comes from, and by `Host` what it took this server
    for: a site can let its own name lead here. It also refuses to show the page within another.
    """

    def __init__(self, page: Any, port: int) -> None:
        self._page = page
        self._hosts = {f"{name}:{port}" for name in (ADDRESS, "localhost")}
        self._hosts |= {ADDRESS, "localhost"} if port == 80 else set()
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_unframed(message: Any) -> None:
            if message["type"] == "http.response.start":
                header = (b"content-security-policy", b"frame-ancestors 'none'")
                message = message | {"headers": [*message.get("headers", []), header]}
            await send(message)

        if scope["type"] == "lifespan" or self._is_own(scope["headers"]):
            await self._page(scope, receive, send_unframed)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": _REFUSED})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": _REFUSED.encode()})

    def _is_own(self, headers: Any) -> bool:
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
        return len(hosts) == 1 and {*hosts} <= self._hosts and {*origins} <= self._origins
