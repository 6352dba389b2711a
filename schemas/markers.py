"""What the engine does with a field, said in the schema.

A schema is a pydantic model whose fields are lists of records. The markers below are put on
the fields of a record with `Annotated`; the engine reads them and knows no record by name.

    Verbatim        the string must stand in the title or the abstract
    Metric          such a string that names a metric, so that better and worse are known
    Aliases         further verbatim strings for the same thing
    Sentence        the number of the sentence that states the record; 0 is the title
    Quantity        a number as written; stored beside typed columns
    Ref[...]        names a record of another list of the same answer

A record class may say that it is asked for once per sentence or once per number of the text
(`PER`): a local model is then walked through them one by one, and cannot skip any.

Not here: what a marker does. That is `extract.task`, `extract.wire` and `extract.grounding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class VerbatimMark:
    """Marks a string that must stand in the text."""


@dataclass(frozen=True)
class AliasesMark:
    """Marks a list of other verbatim names of the record."""


@dataclass(frozen=True)
class SentenceMark:
    """Marks the number of the sentence that states the record."""


@dataclass(frozen=True)
class QuantityMark:
    """Marks a number copied as it is written."""


@dataclass(frozen=True)
class MetricMark:
    """Marks a verbatim phrase that names a metric; looked up in the registry of metrics."""


@dataclass(frozen=True)
class RefMark:
    """Marks the name of a record of the list *target*."""

    target: str


Verbatim = Annotated[str, VerbatimMark()]
Metric = Annotated[str, VerbatimMark(), MetricMark()]
Aliases = Annotated[list[str], AliasesMark()]
Sentence = Annotated[int, SentenceMark()]
Quantity = Annotated[str, QuantityMark()]


class _Ref:
    """`Ref["methods"]` is a string that names a record of the list `methods`."""

    def __getitem__(self, target: str) -> object:
        return Annotated[str, RefMark(target)]


Ref = _Ref()


class Record(BaseModel):
    """One fact of one kind. Unknown keys are an error: who invents a field is asked again."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    PER: ClassVar[Literal["sentence", "quantity"] | None] = None


class Answer(BaseModel):
    """What a model returns for one paper: one list per record kind."""

    model_config = ConfigDict(extra="forbid")
