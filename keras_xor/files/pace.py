"""How often a long run saves what it has."""

import contextlib
import time

SECONDS = 5.0  # Minimum time between saves
SHARE = 0.04  # Maximum share of the time spent on saves


class Pace:
    """Tells when to save, at most every five seconds and for a small share of the time."""

    def __init__(self):
        self._due = time.monotonic() + SECONDS

    def is_due(self):
        """Whether it is time to save."""
        return time.monotonic() >= self._due

    @contextlib.contextmanager
    def saving(self):
        """Save within the block: its duration counts."""
        start = time.monotonic()
        yield
        end = time.monotonic()
        self._due = end + max(SECONDS, (end - start) / SHARE)
