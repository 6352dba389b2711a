"""The built-in task: the methods, datasets, reported numbers and claims that an abstract states.

The definitions follow the annotation guide that the figures in the README are measured with.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .markers import Aliases, Answer, Metric, Quantity, Record, RefMark, Sentence, Verbatim


class Method(Record):
    """A named method, model, architecture, algorithm, loss, framework, system or toolkit."""

    name: Annotated[Verbatim, Field(description="The name or acronym, copied verbatim.")]
    role: Annotated[
        Literal["proposed", "other"],
        Field(description="proposed: introduced by this paper; other: anything else."),
    ]
    aliases: Annotated[
        Aliases, Field(description="Every other form of the same name in the text.")
    ] = []
    sentence: Annotated[Sentence, Field(description="A sentence that names it.")]


class Dataset(Record):
    """A named dataset, benchmark, corpus, challenge, or named source used as data."""

    name: Annotated[Verbatim, Field(description="The name, copied verbatim.")]
    role: Annotated[
        Literal["introduced", "used"],
        Field(description="introduced: created or released by this paper; used: anything else."),
    ]
    aliases: Annotated[
        Aliases, Field(description="Every other form of the same name in the text.")
    ] = []
    sentence: Annotated[Sentence, Field(description="A sentence that names it.")]


class Result(Record):
    """A number that the paper reports."""

    PER: ClassVar[Literal["sentence", "quantity"] | None] = "quantity"

    value: Annotated[
        Quantity, Field(description="The number as written, with its sign, unit and symbol.")
    ]
    kind: Annotated[
        Literal["score", "delta", "factor", "size"],
        Field(
            description="score: the value of a quality metric; delta: a difference or relative "
            "change; factor: multiplicative; size: any other stated quantity."
        ),
    ]
    metric: Annotated[
        Metric | None, Field(description="The phrase that names what is measured or counted.")
    ] = None
    dataset: Annotated[
        Annotated[str, RefMark("datasets")] | None,
        Field(description="The dataset that it was measured on."),
    ] = None
    method: Annotated[
        Annotated[str, RefMark("methods")] | None,
        Field(description="The method that achieves or has it."),
    ] = None
    baseline: Annotated[
        Annotated[str, RefMark("methods")] | None,
        Field(description="The method that it is compared against."),
    ] = None
    sentence: Annotated[Sentence, Field(description="The sentence that states it.")]


class Claim(Record):
    """A sentence in which the paper asserts its own contribution, result or finding."""

    PER: ClassVar[Literal["sentence", "quantity"] | None] = "sentence"

    sentence: Annotated[Sentence, Field(description="The sentence.")]
    type: Annotated[
        Literal["contribution", "result", "finding"],
        Field(
            description="contribution: proposes or releases something; result: an empirical "
            "outcome or comparison; finding: an insight, analysis or theorem."
        ),
    ]


class Facts(Answer):
    """The facts that one abstract states. An empty list is an answer."""

    #: How answers are scored: fields without a figure, and parts of a list with figures of
    #: their own. What is not said here follows from the markers.
    EVAL: ClassVar[dict[str, Any]] = {
        "unscored": {"datasets": ["role"], "results": ["baseline"]},
        "parts": {"scores": {"of": "results", "without": {"kind": "size"}}},
    }

    #: Which results state a gap between two others: it is checked against them.
    GAPS: ClassVar[dict[str, str]] = {
        "of": "results",
        "by": "kind",
        "gap": "delta",
        "value": "score",
        "measure": "metric",
        "setting": "dataset",
        "subject": "method",
        "baseline": "baseline",
    }

    methods: list[Method]
    datasets: list[Dataset]
    results: list[Result]
    claims: list[Claim]


ANSWER = Facts
