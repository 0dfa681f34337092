"""A script from its first line to its exit status."""

import sys

from keras_xor.checks import KerasXorError
from keras_xor.cli.output import say
from keras_xor.cli.streams import standard_streams
from keras_xor.runtime.backend import import_keras, keras_backend


def run(main, arguments):
    """Call `main(arguments())`, with a quiet TensorFlow.

    Bad input ends it with status 1 and one line. Ctrl-C ends it with status 130 and advice: the
    message of the `KeyboardInterrupt`, if `main` gave it one. If standard output cannot be
    written, all else is done, and then the status is 1.
    """
    with standard_streams():
        try:
            args = arguments()
            keras_backend()
            import_keras()
            main(args)
        except KerasXorError as error:
            say(error)
            sys.exit(1)
        except KeyboardInterrupt as interrupt:
            if sys.stdout.isatty():
                print()  # The cursor is behind a progress bar.
            say(f"interrupted: {str(interrupt) or 'run it again'}")
            sys.exit(130)
