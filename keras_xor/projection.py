"""What the hidden units make of the square of x1 and x2, as a picture in a plane."""

import itertools

import numpy as np

_LEAST = 1e-3  # Of what a picture shows, from one side to the other


def project_hidden(
    hidden: np.ndarray, kernel: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Project the outputs of the last hidden layer to a plane that shows how y divides them.

    Two units are the two axes. Otherwise, the first axis goes along the weights of y, so that the
    predictions rise from left to right, and the second one across them, where the points spread
    most. In each epoch, the picture is moved and scaled to go from -1 to 1.

    Args:
        hidden: The outputs, of shape `(epochs, points, units)`.
        kernel: The weights of y, of shape `(epochs, units)`.
        bias: The bias of y, of shape `(epochs,)`.

    Returns:
        The places of the points, of shape `(epochs, points, 2)`; and the numbers a, b and c of the
        lines `a * first + b * second + c = 0` where y has the sum 0, of shape `(epochs, 3)`. Both
        are float32, and nan where the network has diverged.
    """
    finite = (np.where(np.isfinite(x), x, np.nan) for x in (hidden, kernel))
    hidden, kernel = (x.astype(np.float64) for x in finite)
    axes = np.eye(2)[None] if hidden.shape[-1] == 2 else _find_axes(hidden, kernel)
    places = hidden @ np.swapaxes(axes, 1, 2)
    weights = np.sum(axes * kernel[:, None], axis=-1)
    low, high = places.min(axis=1), places.max(axis=1)
    middle, scale = (low + high) / 2, np.maximum(np.max(high - low, axis=1), _LEAST)[:, None] / 2
    offsets = bias + np.sum(weights * middle, axis=1)
    lines = np.column_stack([weights * scale, offsets])
    places = (places - middle[:, None]) / scale[:, None]
    return places.astype(np.float32), lines.astype(np.float32)


def _find_axes(hidden: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Two axes for each epoch, of shape `(epochs, 2, units)`."""
    hidden, kernel = np.nan_to_num(hidden), np.nan_to_num(kernel)
    length = np.linalg.norm(kernel, axis=1, keepdims=True)
    along = kernel / np.where(length > 0, length, 1)
    centred = hidden - hidden.mean(axis=1, keepdims=True)
    rest = centred - (centred @ along[..., None]) * along[:, None]
    across = np.linalg.svd(rest, full_matrices=False).Vh[:, 0]
    across -= np.sum(across * along, axis=1, keepdims=True) * along  # If there is no rest
    across[-1] *= np.sign(across[-1, np.argmax(abs(across[-1]))])
    for later, axis in itertools.pairwise(across[::-1]):
        axis *= 1 if axis @ later >= 0 else -1  # Neighbouring epochs look alike.
    return np.stack([along, across], axis=1)
