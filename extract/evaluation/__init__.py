"""How good extracted facts are: figures against annotated papers, and the misses behind them.

Scoring follows the task's markers (`plan`), pairs records (`matching`), counts (`scoring`), says
how sure the figures are (`intervals`) and tells them (`reporting`); `misses` names each miss and
false find. `goldfile` reads annotations.
"""

from extract.evaluation.goldfile import parse_annotations, read_annotations
from extract.evaluation.intervals import Interval
from extract.evaluation.matching import Annotation
from extract.evaluation.misses import (
    Miss,
    MissGroup,
    find_misses,
    group_misses,
    misses_document,
    misses_text,
)
from extract.evaluation.reporting import evaluation_document, table_markdown, table_text
from extract.evaluation.scoring import Evaluation, evaluate

__all__ = [
    "Annotation",
    "Evaluation",
    "Interval",
    "Miss",
    "MissGroup",
    "evaluate",
    "evaluation_document",
    "find_misses",
    "group_misses",
    "misses_document",
    "misses_text",
    "parse_annotations",
    "read_annotations",
    "table_markdown",
    "table_text",
]
