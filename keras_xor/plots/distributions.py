"""Predictions of many runs at each point."""

import re
from typing import Any

import altair as alt
import numpy as np

from keras_xor.study import Study
from keras_xor.values import KerasXorError


def plot_distributions(study: Study, article: dict[str, float] | None = None) -> alt.ConcatChart:
    """A histogram of each prediction of a study, without the runs that diverged.

    The predictions of an article, by name, are marked. The rows of the chart have the fields point,
    low, high and runs, or point and article.

    Raises:
        KerasXorError: all runs diverged.
    """
    article = article or {}
    predictions = study.predictions[~study.diverged]
    if not len(predictions):
        raise KerasXorError("all runs diverged: lower the learning rate")
    rows = [
        row
        for name, y in zip(study.names, predictions.T, strict=True)
        for row in _make_rows(name, y, article)
    ]
    return alt.concat(
        *(_plot_histogram(name, article) for name in study.names),
        columns=2,
        bounds="flush",
        spacing={"row": 70, "column": 50},
        data={"values": rows},
        title=alt.TitleParams(
            f"The same network with {len(predictions)} seeds",
            subtitle="Number of runs per prediction."
            + (" Dashed: the single run of the article." if article else ""),
            anchor="start",
        ),
    )


def _make_rows(point: str, y: np.ndarray, article: dict[str, float]) -> list[dict[str, Any]]:
    y = y.astype(float)
    width = max(np.ptp(y) / 40, 1e-4)
    first, last = np.floor((y.min() - 0.5) / width), np.ceil((y.max() - 0.5) / width)
    edges = 0.5 + width * np.arange(first, max(last, first + 1) + 1)  # No bin spans 0.5.
    counts, _ = np.histogram(y, edges)
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    rows = [{"point": point, "low": low, "high": high, "runs": count} for low, high, count in bins]
    if point in article:
        rows.append({"point": point, "article": article[point]})
    return rows


def _plot_histogram(point: str, article: dict[str, float]) -> alt.LayerChart:
    scale = alt.Scale(zero=False, nice=False, padding=8)
    panel = alt.Chart().transform_filter(f"datum.point == '{point}'")
    bars = (
        panel.transform_filter("isValid(datum.runs)")
        .mark_bar()
        .encode(
            x=alt.X("low:Q", bin="binned", title="prediction", scale=scale),
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
    title = f"x1 = {point[2]}, x2 = {point[3]}" if re.fullmatch(r"y_\d\d", point) else point
    if point in article:
        title += f" (the article: {article[point]:.5f})"
    return alt.layer(bars, rule).properties(
        width=300, height=130, title=alt.TitleParams(title, anchor="start", fontSize=11)
    )
