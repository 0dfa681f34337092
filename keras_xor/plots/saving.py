"""Save charts as files, without a browser or a network."""

from keras_xor.files import replacing


def save(chart, to_file):
    """Save a chart as a file, without a browser or a network.

    Args:
        chart: An Altair chart.
        to_file: Name of the file, ending in .png (two pixels per point), .svg, .html (one
            file that works offline) or .json (its Vega-Lite). Folders are created as needed.

    Raises:
        KerasXorError: `to_file` cannot be written.
    """
    with replacing(to_file) as new:
        page = {"inline": True, "embed_options": {"renderer": "canvas"}}
        chart.save(str(new), scale_factor=2, **(page if new.suffix == ".html" else {}))
