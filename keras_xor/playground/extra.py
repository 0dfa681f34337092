"""The optional packages of the page."""

import contextlib

from keras_xor.checks import KerasXorError


@contextlib.contextmanager
def notebook_extra():
    """Say in one line which package of the extra "notebook" is missing for an import."""
    try:
        yield
    except ImportError as error:
        raise KerasXorError(
            f'the page needs {error.name}, which is not installed: run pip install -e ".[notebook]"'
        ) from None
