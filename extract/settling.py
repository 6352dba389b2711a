"""What came back about a paper, as the rows that are written and the counts that are reported.

The same for papers that are asked one by one and for those whose answers come in a batch.
Not here: when the rows are written (`extract.store.writer`, `extract.batching`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from extract.completion import Completion, Failure, TokenLogprob
from extract.deriving import derive
from extract.grounding import DERIVATION, digest
from extract.papers import Paper
from extract.recipe import Recipe, answer_text
from extract.report import FailedPaper, RunReport
from extract.request import Request
from extract.rows import answered_row, fact_rows, failed_row, request_row
from extract.store.database import Batch
from extract.todo import Todo


@dataclass(frozen=True)
class Settling:
    """Makes rows of answers and failures for one run, and counts them in its report."""

    recipe: Recipe
    report: RunReport

    def answered(self, group: Sequence[Todo], completion: Completion) -> Batch:
        """Return an answer with the facts of all papers that have this very text.

        One batch: an answer and its facts are committed together or not at all.
        """
        todo = group[0]
        try:
            answer = self.recipe.answer(completion.content, todo.shown)
        except ValueError:
            answer = None
        text = None if answer is None else answer_text(answer)
        row = self.request_row(todo.key, todo.request) | answered_row(completion, text)
        batch = Batch(completions=[row])
        for each in group:
            grounded = self.grounded(each, completion.content, completion.token_logprobs, answer)
            batch.add(grounded or Batch())
        self.report.asked += len(group)
        return batch

    def grounded(
        self,
        todo: Todo,
        content: str,
        tokens: Sequence[TokenLogprob] | None,
        answer: BaseModel | None = None,
    ) -> Batch | None:
        """Return the rows of one answer's facts; None where the answer is no answer now.

        *answer* is the validated answer where the caller has it.
        """
        try:
            grounded = derive(self.recipe, content, tokens, todo.shown, todo.text, answer=answer)
        except ValueError:
            return None
        extraction = digest(todo.paper.paper_id, todo.text_hash, todo.key, DERIVATION)
        batch = Batch(
            current=[
                {
                    "task": self.recipe.task.name,
                    "paper_id": todo.paper.paper_id,
                    "extraction_id": extraction,
                }
            ]
        )
        batch.add(fact_rows(todo, grounded, extraction, self.recipe.ask_id, self.report.run_id))
        for fact in grounded.facts:
            self.report.count(fact)
        return batch

    def failed(self, paper: Paper, key: str, request: Request | None, failure: Failure) -> Batch:
        """Return a failure as a row, and list it in the report."""
        self.report.failed.append(FailedPaper(paper.paper_id, paper.title, failure))
        return Batch(completions=[self.request_row(key, request) | failed_row(failure)])

    def request_row(self, key: str, request: Request | None) -> dict[str, Any]:
        """Return what the row of an answer or a failure says of its request."""
        return request_row(key, request, self.recipe, self.report.run_id)
