"""Serve a notebook on this machine, to whoever has the token in its address."""

import os
import runpy
import socket
import sys
from pathlib import Path

from keras_xor.playground.extra import notebook_extra
from keras_xor.values import KerasXorError

with notebook_extra():
    import anywidget  # noqa: F401
    import marimo  # noqa: F401

ADDRESS = "127.0.0.1"


def serve(notebook: Path, port: int, open_browser: bool = True) -> None:
    """Run a notebook by `marimo run` until Ctrl-C, which prints its address.

    With port 0, it listens on one that is free.

    Raises:
        KerasXorError: it cannot listen on the port.
    """
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise KerasXorError(
            f"cannot listen on port {port} ({reason}): choose another port, or 0 for any"
        ) from None
    options = ["--host", ADDRESS, "--port", f"{port}", "--token", "--include-code"]
    options += ["--session-ttl", "30", "--redirect-console-to-browser"]
    options += ["--headless"] * (not open_browser)
    sys.argv = ["marimo", "--yes", "run", *options, str(notebook)]
    runpy.run_module("marimo", run_name="__main__")
