"""Run a script and set its exit status."""

import contextlib
import gc
import os
import signal
import sys
from pathlib import Path

from keras_xor.checks import KerasXorError
from keras_xor.cli.output import say, warnings_in_one_line
from keras_xor.cli.streams import standard_streams
from keras_xor.runtime import import_keras, keras_backend, on_device


def run(main, arguments):
    """Call `main(arguments())` with TensorFlow silenced, on the device from `--device`.

    Bad input exits with status 1 and a one-line error. Ctrl-C exits with status 130 and a hint:
    the message of the `KeyboardInterrupt`, if `main` set one. If standard output cannot be
    written, everything else is still done, and the status is 1.
    """
    with standard_streams():
        if status := _status(main, arguments):
            # Objects that TensorFlow's threads use must not outlive Python: they would hang.
            gc.collect()
            sys.exit(status)


@contextlib.contextmanager
def interrupts_at_once():
    """Let Ctrl-C end the process within the block, which saves nothing: status 130, one line."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # It is ignored.
        yield
        return
    with contextlib.ExitStack() as stack:
        errors = os.dup(2)  # It is silenced meanwhile.
        stack.callback(os.close, errors)

        def end(signum, frame):
            os.write(errors, f"{Path(sys.argv[0]).name}: interrupted: run it again\n".encode())
            os._exit(130)

        before = signal.signal(signal.SIGINT, end)
        stack.callback(signal.signal, signal.SIGINT, before)
        yield


def _status(main, arguments):
    try:
        args = arguments()
        keras_backend()
        with interrupts_at_once():
            import_keras()
        with warnings_in_one_line(), on_device(getattr(args, "device", None)):
            main(args)
    except KerasXorError as error:
        say(error)
        return 1
    except KeyboardInterrupt as interrupt:
        if sys.stdout.isatty():
            print()  # The cursor is after a progress bar.
        say(f"interrupted: {str(interrupt) or 'run it again'}")
        return 130
    return 0
