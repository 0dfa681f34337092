"""Run a script and set its exit status."""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from keras_xor.cli.output import print_message, warnings_in_one_line
from keras_xor.runtime import import_keras, on_device, set_backend
from keras_xor.values import KerasXorError


def run_script(main: Callable[[Any], None], arguments: Callable[[], Any]) -> None:
    """Call `main(arguments())` with TensorFlow silenced, on the device from `--device`.

    Bad input exits with status 1 and a one-line error. Ctrl-C exits with status 130 and a hint:
    the message of the `KeyboardInterrupt`, if `main` set one.
    """
    if status := _run(main, arguments):
        # Objects that TensorFlow's threads use must not outlive Python: they would hang.
        gc.collect()
        sys.exit(status)


@contextlib.contextmanager
def interrupts_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process within the block, where there is nothing to save."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # Otherwise, it is ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(main: Callable, arguments: Callable) -> int:
    try:
        args = arguments()
        set_backend()
        with interrupts_at_once():
            import_keras()
        with warnings_in_one_line(), on_device(getattr(args, "device", None)):
            main(args)
        sys.stdout.flush()
    except KerasXorError as error:
        print_message(error)
        return 1
    except KeyboardInterrupt as interrupt:
        if sys.stdout.isatty():
            print()  # The cursor is after a progress bar.
        print_message(f"interrupted: {str(interrupt) or 'run it again'}")
        return 130
    except BrokenPipeError:  # The reader, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # For Python's last flush
        return 1
    return 0
