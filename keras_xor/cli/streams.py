"""Standard output and error that may be closed, full or broken."""

import contextlib
import io
import os
import sys

from keras_xor.cli.output import say


@contextlib.contextmanager
def standard_streams():
    """Keep running if standard output or error fails, and exit with 1 if output was lost."""
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
            if not isinstance(output.error, BrokenPipeError):  # The reader has seen enough.
                reason = output.error.strerror
                say(f"cannot write to standard output ({reason}): everything else is done")
            sys.exit(1)
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = plain


class _Stream(io.TextIOWrapper):
    """A standard stream that keeps its first error and discards everything written after it."""

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
