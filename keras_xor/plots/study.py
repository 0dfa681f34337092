"""Predictions of many runs at each of the four points."""

import altair as alt
import numpy as np

from keras_xor.checks import KerasXorError
from keras_xor.study.summary import POINTS


def distributions(rows, article=None):
    """Chart the predictions of many runs at the four points, and those of another run.

    Args:
        rows: The list that `keras_xor.seed_study` returned. Runs with a prediction that is
            not a number are left out.
        article: Dict of probabilities by point to mark, such as `keras_xor.study.ARTICLE`.
            Defaults to `None`.

    Returns:
        An `altair.ConcatChart` of four histograms; its rows have the fields point, low,
        high and runs, or point and article.

    Raises:
        KerasXorError: no run is left.
    """
    article = article or {}
    runs = [row for row in rows if all(np.isfinite(row[point]) for point in POINTS)]
    if not runs:
        raise KerasXorError("all runs diverged: lower the learning rate")
    return alt.concat(
        *(_histogram(point, article) for point in POINTS),
        columns=2,
        bounds="flush",
        spacing={"row": 70, "column": 50},
        data={"values": [row for point in POINTS for row in _histogram_rows(runs, point, article)]},
        title=alt.TitleParams(
            f"The same network with {len(runs)} seeds",
            subtitle="Number of runs per probability."
            + (" Dashed: the single run of the article." if article else ""),
            anchor="start",
        ),
    )


def _histogram_rows(runs, point, article):
    y = np.array([run[point] for run in runs])
    width = max(np.ptp(y) / 40, 1e-4)
    first, last = np.floor((y.min() - 0.5) / width), np.ceil((y.max() - 0.5) / width)
    edges = 0.5 + width * np.arange(first, max(last, first + 1) + 1)  # No bin spans 0.5.
    counts, _ = np.histogram(y, edges)
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    rows = [{"point": point, "low": low, "high": high, "runs": count} for low, high, count in bins]
    if point in article:
        rows.append({"point": point, "article": article[point]})
    return rows


def _histogram(point, article):
    scale = alt.Scale(zero=False, nice=False, padding=8)
    panel = alt.Chart().transform_filter(f"datum.point == '{point}'")
    bars = (
        panel.transform_filter("isValid(datum.runs)")
        .mark_bar()
        .encode(
            x=alt.X("low:Q", bin="binned", title="probability", scale=scale),
            x2="high:Q",
            # A label that extends above the panel would push its title up.
            y=alt.Y("runs:Q", axis=alt.Axis(labelFlush=True, tickMinStep=1)),
            color=alt.condition("datum.low >= 0.5", alt.value("#e08214"), alt.value("#4393c3")),
            tooltip=["runs:Q", *(alt.Tooltip(f"{end}:Q", format=".4f") for end in ("low", "high"))],
        )
    )
    rule = (
        panel.transform_filter("isValid(datum.article)")
        .mark_rule(strokeDash=[4, 2], strokeWidth=1.5)
        .encode(x="article:Q", tooltip="article:Q")
    )
    x1, x2 = point[-2:]
    title = f"x1 = {x1}, x2 = {x2}"
    if point in article:
        title += f" (the article: {article[point]:.5f})"
    return alt.layer(bars, rule).properties(
        width=300, height=130, title=alt.TitleParams(title, anchor="start", fontSize=11)
    )
