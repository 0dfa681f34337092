"""A Dask cluster as an executor."""

import concurrent.futures
import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator
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
            executor = _Executor(client)
            with _watch_workers(client, executor, patience):
                yield executor
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


class _Executor(concurrent.futures.Executor):
    """Dask's, which can cancel all its futures.

    Dask itself never ends the one whose result it was fetching from the last worker as that died.
    """

    def __init__(self, client: Any) -> None:
        self._executor = client.get_executor()
        self._futures: list[concurrent.futures.Future] = []

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future:
        self._futures.append(self._executor.submit(fn, *args, **kwargs))
        return self._futures[-1]

    def cancel(self) -> None:
        for future in self._futures:
            future.cancel()


@contextlib.contextmanager
def _watch_workers(client: Any, executor: _Executor, patience: float) -> Iterator[None]:
    """Cancel all work when there have been no workers for long: Dask would wait for ever."""
    done = threading.Event()

    def watch() -> None:
        seen = time.monotonic()
        while not done.wait(1):
            with contextlib.suppress(OSError):  # The scheduler is gone.
                if client.status == "running" and client.nthreads():
                    seen = time.monotonic()
            if time.monotonic() > seen + patience:
                executor.cancel()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
