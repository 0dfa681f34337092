"""Save charts as files, without a browser or a network."""

from pathlib import Path

import altair as alt

from keras_xor.files import replacing


def save_chart(chart: alt.TopLevelMixin, to_file: str | Path) -> None:
    """Save a chart as a file, without a browser or a network.

    The file ends in .png (two pixels per point), .svg, .html (which works offline) or .json (its
    Vega-Lite). Folders are created as needed.

    Raises:
        KerasXorError: `to_file` cannot be written.
    """
    with replacing(to_file) as new:
        page = {"inline": True, "embed_options": {"renderer": "canvas"}}
        chart.save(str(new), scale_factor=2, **(page if new.suffix == ".html" else {}))
