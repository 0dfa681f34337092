"""Serve a notebook to the browsers of this machine, and to nobody else."""

import secrets
import socket
import urllib.parse
import webbrowser

from keras_xor.checks import KerasXorError
from keras_xor.playground.extra import notebook_extra

ADDRESS = "127.0.0.1"
# Cells without a name have code that only arranges the page.
_HEAD = """<style>
[data-cell-name="_"] .tray > :has(.cm-editor) { display: none; }
[data-cell-name="_"] .tray { border: none; box-shadow: none; }
[data-cell-name="_"]:has(.tray):not(:has(.output)) { display: none; }
</style>"""
_REFUSED = "this page can only be opened at its own address"


def serve(notebook, port, open_browser=True):
    """Serve a marimo notebook until Ctrl-C, and print its address.

    Args:
        notebook: Path of the notebook.
        port: Port to listen on, 0 for any that is free.
        open_browser: Whether to open the page in the browser. Defaults to True.

    Raises:
        KerasXorError: marimo is not installed, or the port is in use.
    """
    with notebook_extra():
        import marimo
        import uvicorn
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
        config = uvicorn.Config(
            _WithCode(_OwnPagesOnly(page, port)),
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        address = f"http://{ADDRESS}:{port}/?access_token={token}"
        print(f"page: {address}\nCtrl-C ends it.", flush=True)
        if open_browser and not webbrowser.open(address):
            print("There is no browser here: open the address in one.", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


def _listening(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
    except OSError as error:
        listener.close()
        raise KerasXorError(
            f"cannot listen on port {port} ({error.strerror}): choose another --port, or 0 for any"
        ) from None
    listener.listen()
    return listener


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
    """Adds to the address of the page that marimo shows the code, too."""

    def __init__(self, page):
        self._page = page

    async def __call__(self, scope, receive, send):
        query = urllib.parse.parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        if scope["type"] != "http" or scope["path"] != "/" or "show-code" in dict(query):
            await self._page(scope, receive, send)
            return
        location = "/?" + urllib.parse.urlencode([*query, ("show-code", "true")])
        headers = [(b"location", location.encode())]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
