"""Ctrl-C between steps, not within them."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def held_interrupts():
    """Hold a Ctrl-C back until the yielded function is called, or until the block ends.

    Raised within TensorFlow, `KeyboardInterrupt` may be dropped by one of its finalizers, or
    crash it. A second Ctrl-C is not held back.
    """
    held = []

    def hold(signum, frame):
        if held:
            signal.default_int_handler(signum, frame)
        held.append(signum)

    def raise_held():
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
