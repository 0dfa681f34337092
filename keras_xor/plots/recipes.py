"""How often recipes learn, by what differs between them."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from keras_xor.recipe import compare_settings
from keras_xor.study import Study
from keras_xor.values import KerasXorError

_MOST_FIELDS = 4
_LOGARITHMIC = "learning_rate", "batch_size", "steps_per_epoch", "epochs"
_NUMBERS = (*_LOGARITHMIC, "momentum")
_COLORS = alt.Scale(scheme="blueorange", domain=[0, 1], domainMid=0.5)


def plot_recipes(studies: Sequence[Study]) -> alt.TopLevelMixin:
    """The share of runs that learn, for the studies of recipes that differ in one to four fields.

    One field gives a point and Wilson's 95 % interval per recipe, two a map with a cell per recipe,
    three and four such maps side by side. The rows of the chart have the varied fields, as text;
    learned, low and high, shares from 0 to 1; and runs.

    Raises:
        KerasXorError: the recipes differ in another number of fields.
    """
    labels = compare_settings([study.recipe for study in studies])
    fields = [*labels[0]]
    if not 1 <= len(fields) <= _MOST_FIELDS:
        raise KerasXorError(
            f"recipes must differ in 1 to {_MOST_FIELDS} fields to be charted, not {len(fields)}"
        )
    rows = [label | _summarize(study) for label, study in zip(labels, studies, strict=True)]
    chart = _plot_line(fields[0], rows) if len(fields) == 1 else _plot_map(fields, rows)
    return chart.properties(
        data={"values": rows},
        title=alt.TitleParams(
            "How often the network learns",
            subtitle=f"Share of {len(studies[0])} runs that learn all points",
            anchor="start",
        ),
    )


def _summarize(study: Study) -> dict[str, float]:
    result = study.summarize()
    low, high = result["interval"]
    runs = result["runs"]
    return {"learned": result["learned"] / runs, "low": low, "high": high, "runs": runs}


def _plot_line(field: str, rows: list[dict]) -> alt.LayerChart:
    axis = alt.Axis(format=".0%")
    share = {"scale": alt.Scale(domain=[0, 1]), "axis": axis, "title": "share that learns"}
    chart = alt.Chart().encode(x=_make_axis(field, rows))
    interval = chart.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **share), y2="high:Q")
    points = chart.mark_point(filled=True, size=60, opacity=1).encode(
        y=alt.Y("learned:Q", **share),
        color=alt.Color("learned:Q", scale=_COLORS, legend=None),
        tooltip=_make_tooltip([field]),
    )
    lines = chart.mark_line(color="grey").encode(y=alt.Y("learned:Q", **share))
    ordered = field in (*_NUMBERS, "hidden_units")
    return alt.layer(*([lines] if ordered else []), interval, points).properties(
        width=480, height=240
    )


def _make_axis(field: str, rows: list[dict]) -> alt.X:
    title = _to_title(field)
    if field in _NUMBERS:
        scale = alt.Scale(type="log" if field in _LOGARITHMIC else "linear", nice=False, padding=12)
        values = sorted({float(row[field]) for row in rows})
        axis = alt.Axis(values=values, format="~g", grid=False)
        return alt.X(f"{field}:Q", scale=scale, axis=axis, title=title)
    return alt.X(f"{field}:N", sort=None, axis=alt.Axis(labelAngle=0), title=title)


def _plot_map(fields: list[str], rows: list[dict]) -> alt.TopLevelMixin:
    """A heat map of the last two fields for each combination of the others."""
    *others, y, x = sorted(fields, key=lambda field: len({row[field] for row in rows}))
    base = alt.Chart().encode(
        x=alt.X(f"{x}:N", sort=None, title=_to_title(x), axis=alt.Axis(labelAngle=0)),
        y=alt.Y(f"{y}:N", sort=None, title=_to_title(y)),
        tooltip=_make_tooltip(fields),
    )
    cells = base.mark_rect(stroke="white").encode(
        color=alt.Color(
            "learned:Q",
            scale=_COLORS,
            legend=alt.Legend(title="share that learns", format=".0%"),
        )
    )
    dark = "datum.learned < 0.2 || datum.learned > 0.8"
    figures = base.mark_text(fontSize=12).encode(
        text=alt.Text("learned:Q", format=".1%"),
        color=alt.condition(dark, alt.value("white"), alt.value("black")),
    )
    chart = alt.layer(cells, figures).properties(width=alt.Step(56), height=alt.Step(28))
    if not others:
        return chart
    places = dict(zip(("column", "row"), reversed(others), strict=False))
    return chart.properties(data={"values": rows}).facet(
        **{place: _make_facet(field, place, rows) for place, field in places.items()}
    )


def _make_facet(field: str, place: str, rows: list[dict]) -> Any:
    header = alt.Header(
        title=None, labelExpr=f"'{_to_title(field)}: ' + datum.value", labelPadding=4
    )
    order = [*dict.fromkeys(row[field] for row in rows)]
    kind = {"column": alt.Column, "row": alt.Row}[place]
    return kind(f"{field}:N", sort=order, header=header)


def _to_title(field: str) -> str:
    return field.replace("_", " ")


def _make_tooltip(fields: list[str]) -> list[Any]:
    shares = [alt.Tooltip(f"{name}:Q", format=".1%") for name in ("learned", "low", "high")]
    return [*(f"{field}:N" for field in fields), *shares, "runs:Q"]
