"""Run a script and set its exit status."""

import gc
import sys

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


def _status(main, arguments):
    try:
        args = arguments()
        keras_backend()
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
