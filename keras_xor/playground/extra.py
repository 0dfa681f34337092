"""The optional packages of the page."""

import contextlib
from collections.abc import Iterator

from keras_xor.values import KerasXorError


@contextlib.contextmanager
def notebook_extra() -> Iterator[None]:
    """Report in one line which package of the extra "notebook" is missing for an import."""
    try:
        yield
    except ImportError as error:
        raise KerasXorError(
            f'the page needs {error.name}, which is not installed: run pip install -e ".[notebook]"'
        ) from None
