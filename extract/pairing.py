"""Which rows of two lists are one and the same fact.

Both directions give the same pairs, and so does every order of the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

Row = Mapping[str, Any]


def take_pairs(
    left: list[Row], right: list[Row], identities: Sequence[str]
) -> Iterator[tuple[Row, Row]]:
    """Take the pairs out of both lists; what is left in them has no partner.

    Equal rows come first. Then rows that agree in the first column of *identities*, then in the
    second; several of them are paired by the number of columns in which they are equal.
    """
    yield from _equal_pairs(left, right)
    for column in identities:
        others = _grouped(right, column)
        for value, ours in _grouped(left, column).items():
            for one, other in _best_pairs(ours, others.get(value, ())):
                _take(left, one)
                _take(right, other)
                yield one, other


def canonical(row: Row) -> str:
    """Return the one way to write *row*."""
    return json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)


def _equal_pairs(left: list[Row], right: list[Row]) -> Iterator[tuple[Row, Row]]:
    """Take out of both lists the rows that are equal as they stand, and sort what is left."""
    waiting: dict[str, list[Row]] = {}
    for written, row in _written(right):
        waiting.setdefault(written, []).append(row)
    rest = []
    for written, row in _written(left):
        if found := waiting.get(written):
            yield row, found.pop()
        else:
            rest.append(row)
    left[:] = rest
    right[:] = [row for rows in waiting.values() for row in rows]


def _written(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Return rows with the one way to write each, in its order."""
    return sorted(((canonical(row), row) for row in rows), key=itemgetter(0))


def _best_pairs(left: Sequence[Row], right: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield pairs of two lists, those that are most alike first, each row at most once.

    Ties fall by the two rows' own text, whichever side they are on.
    """
    ranked = sorted(
        (-_likeness(one, other), sorted((canonical(one), canonical(other))), i, j)
        for i, one in enumerate(left)
        for j, other in enumerate(right)
    )
    taken_left: set[int] = set()
    taken_right: set[int] = set()
    for _, _, i, j in ranked:
        if i not in taken_left and j not in taken_right:
            taken_left.add(i)
            taken_right.add(j)
            yield left[i], right[j]


def _likeness(one: Row, other: Row) -> int:
    """Return in how many columns two rows are equal."""
    return sum(one[name] == other[name] for name in one.keys() & other.keys())


def _grouped(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    """Return rows by the value of a column; those without one are left out."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.get(column) is not None:
            groups.setdefault(str(row[column]), []).append(row)
    return groups


def _take(rows: list[Row], row: Row) -> None:
    """Remove this very row, not one that is equal."""
    del rows[next(i for i, each in enumerate(rows) if each is row)]
