"""Handle Ctrl-C between steps, not during them."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def held_interrupts() -> Iterator[Callable[[], None]]:
    """Delay Ctrl-C until the yielded function is called or the block ends.

    A `KeyboardInterrupt` raised inside TensorFlow may be lost in one of its finalizers, or
    crash it. A second Ctrl-C is not delayed.
    """
    held: list[int] = []

    def hold(signum: int, frame: Any) -> None:
        if held:
            signal.default_int_handler(signum, frame)
        held.append(signum)

    def raise_held() -> None:
        if held:
            raise KeyboardInterrupt

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield raise_held
        return
    signal.signal(signal.SIGINT, hold)
    try:
        yield raise_held
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    raise_held()
