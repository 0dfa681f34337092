"""A Dask cluster as an executor."""

import concurrent.futures
import contextlib
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

from keras_xor.values import KerasXorError


@contextlib.contextmanager
def connect_dask(address: str, patience: float = 10) -> Iterator[concurrent.futures.Executor]:
    """An executor on the workers of a Dask scheduler, within the block.

    Args:
        address: Where the scheduler listens, such as "tcp://127.0.0.1:8786".
        patience: Seconds to wait for it, and for workers when there are none.

    Raises:
        KerasXorError: there is no scheduler or no worker, or one has other versions, or fails.
    """
    try:
        import distributed
    except ImportError:
        raise KerasXorError(
            'a cluster needs Dask, which is not installed: run pip install -e ".[cluster]"'
        ) from None
    try:
        with distributed.Client(address, timeout=patience, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=patience)
            with warnings.catch_warnings(action="error"):
                packages = ["keras_xor", "keras", "tensorflow", "numpy"]
                client.get_versions(check=True, packages=packages)
            with _watch_workers(client, patience):
                yield client.get_executor()
    except KerasXorError:
        raise
    except concurrent.futures.CancelledError as error:
        raise KerasXorError(
            f"the cluster at {address} is gone or has no workers: start some with dask worker "
            f"{address}"
        ) from error
    except Exception as error:  # Dask has many kinds.
        reasons: list[BaseException] = [error]
        while reasons[-1].__cause__:
            reasons.append(reasons[-1].__cause__)
        texts = "; ".join(f"{type(reason).__name__}: {reason}" for reason in reasons)
        raise KerasXorError(f"the cluster at {address} failed, {texts}") from error


@contextlib.contextmanager
def _watch_workers(client: Any, patience: float) -> Iterator[None]:
    """Cancel all work when there have been no workers for long: Dask would wait for ever."""
    done = threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not done.wait(1) and time.monotonic() < seen + patience:
            if client.status == "running" and client.nthreads():
                seen = time.monotonic()
        client.close()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # Two threads must not close a client at the same time.
