"""The error for bad input, and how it shows values."""

import re


class KerasXorError(ValueError):
    """Bad input. The message is one line: what is wrong and what to do."""

    def __init__(self, message):
        super().__init__(one_line(message))


def one_line(message):
    """`message` in one printable line (file names and models may have any), shortened to 1,000."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(message))  # Keras's colors
    text = "".join(c if c.isprintable() else "?" for c in " ".join(plain.splitlines()))
    return text if len(text) <= 1_000 else f"{text[:700]} ... {text[-295:]}"


def shown(value):
    """`repr(value)`, shortened to fit into an error message."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # For example, for an int of 5,000 digits.
        text = f"this {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
