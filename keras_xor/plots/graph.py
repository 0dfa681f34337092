"""The model as a graph of its layers."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import keras
import pygraphviz

from keras_xor.files import replacing
from keras_xor.runtime import silence
from keras_xor.values import KerasXorError


def plot_model(
    model: keras.Model, to_file: str | Path = "model.png", rankdir: str = "TB", dpi: int = 200
) -> None:
    """Draw a model like `keras.utils.plot_model`, with or without Graphviz's `dot`.

    Args:
        model: What to draw, with shapes, dtypes, activations and names.
        to_file: The picture, ending in .png, .svg or .pdf. Folders are created as needed.
        rankdir: Direction of the graph: "TB", "LR", "BT" or "RL".
        dpi: Dots per inch of a .png, 1 to 600.

    Raises:
        KerasXorError: the model is not built, or `to_file` cannot be written.
    """
    if not model.built:
        raise KerasXorError("model must be built: give it a keras.Input, or call it once")
    format = Path(to_file).suffix[1:]
    graph = keras.utils.model_to_dot(
        model,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        rankdir=rankdir,
        # Graphviz 2.43 cuts off an .svg unless it has 72 dots per inch, one per point.
        dpi=dpi if format == "png" else 72,
    )
    with replacing(to_file) as new:
        new.write_bytes(_draw(graph, format))


def _draw(graph: Any, format: str) -> bytes:
    """Draw a graph with the `dot` program or, without it, with the wheel's own Graphviz."""
    text = graph.to_string()
    if shutil.which("dot"):
        done = subprocess.run(["dot", f"-T{format}"], input=text.encode(), capture_output=True)
        if not done.returncode:
            return done.stdout
    # Writing a file on a full disk, the wheel's Graphviz would end the process. Its fontconfig
    # warns about unknown system settings.
    try:
        with silence():
            return pygraphviz.AGraph(string=text).draw(format=format, prog="dot")
    except OSError as error:  # It draws from a temporary file.
        raise KerasXorError(
            f"cannot draw ({error.strerror}): make room in {tempfile.gettempdir()}"
        ) from error
