"""Numbers in text: finding them, reading them, telling results from names and years.

Five questions, a module each: where a number phrase stands (`finding`), what one phrase on its
own says (`phrases`), what the words beside it add (`context`), which role it plays in its text
(`roles`), and what kind of result it is (`kinds`). Offsets count code points of the text as given.

Not here: what a number measures, which the model says.
"""

from extract.numbers.finding import find_quantities
from extract.numbers.kinds import Kind, is_relative, kind_hint
from extract.numbers.phrases import parse_quantity
from extract.numbers.quantity import Comparator, NumberMention, Quantity, Role, Shape
from extract.numbers.roles import classify_numbers

__all__ = [
    "Comparator",
    "Kind",
    "NumberMention",
    "Quantity",
    "Role",
    "Shape",
    "classify_numbers",
    "find_quantities",
    "is_relative",
    "kind_hint",
    "parse_quantity",
]
