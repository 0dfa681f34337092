"""A script from its first line to its exit status."""

import gc
import sys

from keras_xor.checks import KerasXorError
from keras_xor.cli.output import say
from keras_xor.cli.streams import standard_streams
from keras_xor.runtime import import_keras, keras_backend, on_device


def run(main, arguments):
    """Call `main(arguments())`, with a quiet TensorFlow, on the device of `--device`.

    Bad input ends it with status 1 and one line. Ctrl-C ends it with status 130 and advice: the
    message of the `KeyboardInterrupt`, if `main` gave it one. If standard output cannot be
    written, all else is done, and then the status is 1.
    """
    with standard_streams():
        if status := _status(main, arguments):
            # What TensorFlow's threads work for must not outlive Python, where they would hang.
            gc.collect()
            sys.exit(status)


def _status(main, arguments):
    try:
        args = arguments()
        keras_backend()
        import_keras()
        with on_device(getattr(args, "device", None)):
            main(args)
    except KerasXorError as error:
        say(error)
        return 1
    except KeyboardInterrupt as interrupt:
        if sys.stdout.isatty():
            print()  # The cursor is behind a progress bar.
        say(f"interrupted: {str(interrupt) or 'run it again'}")
        return 130
    return 0
