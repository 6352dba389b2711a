"""What a number of a text is, once it is read.

`Quantity` holds one written phrase and its typed fields; `NumberMention` adds the role that
the phrase plays in its text.

Not here: how a phrase is found (`grammar`) and how a role is decided (`roles`).
"""

from dataclasses import dataclass
from typing import Literal

Comparator = Literal["=", "<", "<=", ">", ">=", "~"]
Shape = Literal[
    "plain",
    "percent",
    "factor",
    "range",
    "uncertain",
    "fraction",
    "ratio",
    "ordinal",
    "money",
    "dimensions",
    "unread",
]
Role = Literal["quantity", "name", "citation", "year", "list_mark", "url", "formula"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number phrase: as written, where, and what it says.

    A percent keeps the number as written (`95.9%` is 95.9 with unit `%`), a magnitude word is
    multiplied out (`3.5 billion` is 3.5e9), and a factor has the unit `x`.
    """

    value: str
    """The phrase as written, `text[start:end]`."""
    start: int
    """First code point of the phrase in its text."""
    end: int
    """One past the last code point."""
    number: float | None
    """The stated number; None for a range, for dimensions and for what cannot be read."""
    low: float | None
    """Lower end of a range or of an uncertainty, in the same unit as `number`."""
    high: float | None
    """Upper end of a range or of an uncertainty."""
    unit: str | None
    """`%`, `x`, `ordinal`, `$` or a unit of measure as written; None for a bare count."""
    comparator: Comparator
    """How the stated number bounds the true one; `=` where nothing is said."""
    shape: Shape
    """The written form; `unread` where no number could be parsed."""
    relative: bool | None
    """True for a percent of the old value, False for points, None where the text says neither."""


@dataclass(frozen=True, slots=True)
class NumberMention:
    """A number of a text and its role there."""

    quantity: Quantity
    role: Role
