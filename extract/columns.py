"""What columns one field of a record becomes, once the record's place in the text is known.

A number gets typed columns beside it as written, a metric its name in the registry, a reference
the name that its record is filed under, and a quoted phrase the place where it stands.

Not here: the types of those columns (`extract.store.layout`), and the place of the record itself
(`extract.grounding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extract.evidence import Alignment, PaperText, align, name_key
from extract.metrics import find_metric
from extract.numbers import is_relative, parse_quantity
from extract.task import TaskField


def field_columns(
    f: TaskField,
    value: Any,
    text: PaperText,
    place: Alignment,
) -> dict[str, Any]:
    """Return the columns of one field."""
    if f.type == "sentence":
        return {}
    if f.type == "quantity":
        return _quantity_columns(f, value, text, place)
    columns = {f.name: value}
    if f.is_metric:
        metric = find_metric(str(value)) if value is not None else None
        columns[f"{f.name}_name"] = metric.name if metric else None
        columns[f"{f.name}_higher_is_better"] = metric.higher_is_better if metric else None
    return columns


def reference(
    f: TaskField, value: Any, names: Mapping[str, Mapping[str, tuple[int, str]]]
) -> tuple[Any, tuple[str, int] | None]:
    """Return the name that the referred record is filed under, and which record it is."""
    if value is None:
        return None, None
    at = names.get(f.target, {}).get(name_key(str(value)))
    return (at[1], (f.target, at[0])) if at else (value, None)


def side_span(name: str, value: Any, text: PaperText, sentence: int | None) -> dict[str, Any]:
    """Return the span columns of a verbatim field that is not the row's key."""
    if value is None:
        return {f"{name}_{part}": None for part in ("sentence", "start", "end", "alignment")}
    place = align(str(value), text, sentence)
    return {
        f"{name}_sentence": place.sentence,
        f"{name}_start": place.start,
        f"{name}_end": place.end,
        f"{name}_alignment": place.grade,
    }


def _quantity_columns(
    f: TaskField, value: Any, text: PaperText, place: Alignment
) -> dict[str, Any]:
    """Return a number as written and its typed columns."""
    prefix = "" if f.name == "value" else f"{f.name}_"
    if value is None:
        parts: tuple[Any, ...] = (None,) * 6
    else:
        around = text.sentence(place.sentence) if place.sentence is not None else ""
        quantity = parse_quantity(str(value), around)
        relative = is_relative(quantity, around) if around else quantity.relative
        parts = (
            quantity.number,
            quantity.low,
            quantity.high,
            quantity.unit,
            quantity.comparator if quantity.shape != "unread" else None,
            relative,
        )
    keys = ("number", "low", "high", "unit", "comparator", "relative")
    return {f.name: value} | {prefix + key: part for key, part in zip(keys, parts, strict=True)}
