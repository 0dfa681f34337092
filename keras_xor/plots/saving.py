"""Save pictures as files, without a browser or a network."""

import html
import json
import struct
import zlib

import altair as alt
import vl_convert

from keras_xor import checks
from keras_xor.checks import KerasXorError, shown
from keras_xor.files.writing import MARK, replacing
from keras_xor.plots.common import SIGNATURE


def save(chart, to_file):
    """Save a chart as a file, without a browser or a network.

    Args:
        chart: An Altair chart.
        to_file: Name of the file, ending in .png (two pixels per point), .svg, .html (one
            file that works offline) or .json (its Vega-Lite). Folders are created as needed.

    Raises:
        KerasXorError: `to_file` has another suffix or cannot be written.
    """
    to_file = checks.chart_file(to_file, "to_file")
    if not isinstance(chart, alt.TopLevelMixin):
        raise KerasXorError(f"chart must be an Altair chart, not {shown(chart)}")
    try:
        content = _converted(chart, to_file.suffix)
    except ValueError as error:
        raise KerasXorError(f"this chart cannot be drawn: {error}") from error
    write_picture(content, to_file)


def _converted(chart, suffix):
    spec = chart.to_dict(validate=False)  # The rows of a record take 10 s to validate.
    if suffix == ".png":
        return vl_convert.vegalite_to_png(spec, scale=2)
    if suffix == ".svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    if suffix == ".html":
        return page(spec).encode()
    return json.dumps(spec | {"usermeta": SIGNATURE}, indent=1).encode()


def write_picture(content, to_file):
    """Write a picture, signed as its format allows."""
    mark = MARK.encode()
    if to_file.suffix == ".png":
        text = b"tEXtSoftware\0" + mark
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
        content = content[:-12] + chunk + content[-12:]  # Before its last chunk.
    elif to_file.suffix in (".svg", ".html"):
        content += b"\n<!-- %s -->\n" % mark
    elif to_file.suffix == ".pdf":
        content += b"%% %s\n" % mark
    with replacing(to_file) as new:
        new.write_bytes(content)


def page(spec):
    """A chart as a self-contained HTML page."""
    title = spec.get("title") or "Chart"
    title = html.escape(str(title["text"] if isinstance(title, dict) else title))
    values = json.dumps(spec).replace("<", r"\u003c")  # A name must not end the script.
    return _PAGE.format(title=title, library=vl_convert.javascript_bundle(), spec=values)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
</head>
<body>
<div id="chart"></div>
<script>
{library}
vegaEmbed("#chart", {spec}, {{renderer: "canvas"}});
</script>
</body>
</html>
"""
