"""What the scripts share: options, errors in one line, a quiet TensorFlow."""

import argparse
import contextlib
import gc
import importlib
import io
import os
import sys
from pathlib import Path

from keras_xor import checks, recipe
from keras_xor.checks import KerasXorError
from keras_xor.interrupts import held_interrupts
from keras_xor.quiet import silence


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that takes -1e3 and -inf for numbers and errs in one line."""

    def parse_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        # A leading space keeps argparse from reading a negative number as an option.
        args = [f" {arg}" if arg.startswith("-") and _is_number(arg) else arg for arg in args]
        return super().parse_args(args, namespace)

    def error(self, message):
        say(f"{message} (see {self.prog} --help)")
        sys.exit(2)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def add_checked(parser, name, check, default=None, help="", metavar="N"):
    """Add to a parser or group an option of one value, read by a check of `keras_xor.checks`."""
    if default is not None:
        help += "; default: %(default)s"
    parser.add_argument(name, type=checked(check), default=default, help=help, metavar=metavar)


def add_recipe(parser):
    """Add the options of the numbers that training goes by."""
    for name, check, default, help in (
        ("--epochs", checks.count, recipe.EPOCHS, "rounds of training"),
        ("--steps-per-epoch", checks.count, recipe.STEPS_PER_EPOCH, "batches in an epoch"),
        ("--batch-size", checks.batch_size, recipe.BATCH_SIZE, "examples in a batch"),
        ("--learning-rate", checks.learning_rate, recipe.LEARNING_RATE, "of SGD"),
    ):
        add_checked(parser, name, check, default, help)


def checked(check):
    """A check of `keras_xor.checks` as an argparse `type`."""

    def convert(text):
        try:
            return check(text.strip() if _is_number(text) else text)
        except KerasXorError as error:
            raise argparse.ArgumentTypeError(error) from None

    return convert


def run(main, arguments):
    """Call `main(arguments())`, with a quiet TensorFlow.

    Bad input ends it with status 1 and one line. Ctrl-C ends it with status 130 and advice: the
    message of the `KeyboardInterrupt`, if `main` gave it one. If standard output cannot be
    written, all else is done, and then the status is 1.
    """
    with _standard_streams():
        try:
            args = arguments()
            checks.keras_backend()
            _import_keras()
            main(args)
        except KerasXorError as error:
            say(error)
            sys.exit(1)
        except KeyboardInterrupt as interrupt:
            if sys.stdout.isatty():
                print()  # The cursor is behind a progress bar.
            say(f"interrupted: {str(interrupt) or 'run it again'}")
            sys.exit(130)


@contextlib.contextmanager
def _standard_streams():
    """Go on whatever becomes of standard output and error, and exit with 1 if output was lost."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # It is closed, and the next file opened would take its number.
            os.open(os.devnull, os.O_RDWR)
    plain = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = output, errors = _Stream(1, plain[0]), _Stream(2, plain[1])
    try:
        try:
            yield
        except SystemExit as exit:
            if exit.code:
                raise
        output.flush()
        if output.error:
            if not isinstance(output.error, BrokenPipeError):  # Whose reader has seen enough.
                reason = output.error.strerror
                say(f"standard output cannot be written ({reason}): all else is done")
            sys.exit(1)
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = plain


class _Stream(io.TextIOWrapper):
    """A standard stream that keeps its first error and then discards what it is given."""

    error = None

    def __init__(self, descriptor, plain):
        unbuffered = getattr(plain, "write_through", False)
        super().__init__(
            os.fdopen(descriptor, "wb", buffering=0 if unbuffered else -1, closefd=False),
            encoding=getattr(plain, "encoding", "utf-8"),
            errors="backslashreplace",
            line_buffering=descriptor == 2 or os.isatty(descriptor),
            write_through=unbuffered,
        )

    def write(self, text):
        try:
            return super().write(text)
        except OSError as error:
            self._discard(error)
            return len(text)

    def flush(self):
        try:
            super().flush()
        except OSError as error:
            self._discard(error)

    def _discard(self, error):
        self.error = self.error or error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)


def _import_keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    gc.disable()
    # TensorFlow's first lines come before it heeds a log level.
    with held_interrupts(), silence():
        importlib.import_module("keras")
    gc.freeze()  # What an import makes, stays: looking through it for garbage takes a second.
    gc.enable()


def say(message):
    """Print `message` on standard error, after the name of the script."""
    print(checks.one_line(f"{Path(sys.argv[0]).name}: {message}"), file=sys.stderr)


def table(header, *lines):
    """Text in columns: those of numbers are aligned to the right, others to the left."""
    columns = [
        [cell.rjust(width) if numbers else cell.ljust(width) for cell in cells]
        for cells in zip(header, *lines, strict=True)
        for width in [max(map(len, cells))]
        for numbers in [all(_is_number(cell) or not cell for cell in cells[1:])]
    ]
    return "\n".join("   ".join(line).rstrip() for line in zip(*columns, strict=True))


def prediction_table(predictions):
    """What `keras_xor.prediction.predictions` returned, a line a point."""
    return table(
        ("x1", "x2", "probability", "class"),
        *(
            (f"{point['x1']:.15g}", f"{point['x2']:.15g}", f"{point['y']:.5f}", f"{point['class']}")
            for point in predictions
        ),
    )
