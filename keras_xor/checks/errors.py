"""The error of bad input, and how it shows what was given."""


class KerasXorError(ValueError):
    """Bad input, told in one line: what is wrong and what to do."""

    def __init__(self, message):
        super().__init__(one_line(message))


def one_line(message):
    """`message` with no line break, as a file's name may bring, and of at most 1,000 letters."""
    text = " ".join(str(message).splitlines())
    return text if len(text) <= 1_000 else f"{text[:700]} ... {text[-295:]}"


def shown(value):
    """`repr(value)`, as far as it fits into a line of an error."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # Such as of an int of 5,000 digits.
        text = f"this {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
