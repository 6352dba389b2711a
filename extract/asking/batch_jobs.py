"""How a provider says that a batch stands, read from its document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from extract.asking.words import shown_words
from extract.errors import ModelError

MARKER = "paperfacts"
"""The key of a batch's metadata that says which of ours it is."""
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True)
class Job:
    """A batch as the provider tells it. `words` is what was wrong with the batch as a whole."""

    id: str
    status: str
    file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int | None = None
    completed: int | None = None
    failed: int | None = None
    words: str = ""
    marker: str | None = None
    created_at: float | None = None

    @property
    def is_final(self) -> bool:
        """True where nothing more will come."""
        return self.status in FINAL


def job_of(document: dict[str, Any]) -> Job:
    """Read a batch; a `ModelError` where the document is none."""
    job_id, status = document.get("id"), document.get("status")
    if not (isinstance(job_id, str) and job_id and isinstance(status, str)):
        raise ModelError(
            f"the answer is no batch: {shown_words(json.dumps(document))}",
            hint="Does this server have the Batch API?",
        )
    counts, errors = document.get("request_counts"), document.get("errors")
    counts = counts if isinstance(counts, dict) else {}
    found = errors.get("data") if isinstance(errors, dict) else None
    words = [str(e.get("message") or e.get("code")) for e in found or [] if isinstance(e, dict)]
    metadata, created_at = document.get("metadata"), document.get("created_at")
    return Job(
        id=job_id,
        status=status,
        file_id=_text(document.get("input_file_id")),
        output_file_id=_text(document.get("output_file_id")),
        error_file_id=_text(document.get("error_file_id")),
        total=_count(counts.get("total")),
        completed=_count(counts.get("completed")),
        failed=_count(counts.get("failed")),
        words=shown_words("; ".join(words[:3])),
        marker=_text(metadata.get(MARKER)) if isinstance(metadata, dict) else None,
        created_at=float(created_at) if isinstance(created_at, int | float) else None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
