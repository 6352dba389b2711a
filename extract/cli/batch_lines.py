"""How batches look in a terminal: a line for each, and what to do now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from extract.terminal import safe_text, shell_word

if TYPE_CHECKING:
    from extract.store.batches import StoredBatch


def batch_lines(shown: list[StoredBatch]) -> list[str]:
    """Return a line for each batch."""
    return [safe_text(f"{batch.batch_id}  {_words(batch)}") for batch in shown]


def _words(batch: StoredBatch) -> str:
    """Say in words how a batch stands."""
    papers = f"{batch.requests:,} request{'s' * (batch.requests != 1)} to {batch.model}"
    where = f" ({batch.provider_batch_id})" if batch.provider_batch_id else ""
    why = f": {batch.words}" if batch.words else ""
    match batch.state:
        case "planned":
            return f"not submitted: {papers}; its upload was broken off, the next run sends them"
        case "uploaded":
            return f"being submitted: {papers}; fetch goes on with it"
        case "dropped":
            return f"dropped: {papers}{why}"
        case "fetched":
            counts = f"{batch.answered or 0:,} of {batch.requests:,} answered"
            counts += f", {batch.failures:,} failed" if batch.failures else ""
            counts += f", {batch.not_asked:,} not asked" if batch.not_asked else ""
            return f"{batch.status}, fetched: {counts}, {batch.model}{where}{why}"
    counts = f", {batch.completed:,} answered" if batch.completed else ""
    counts += f", {batch.failed:,} failed" if batch.failed else ""
    since = f", submitted {(batch.submitted_at or '')[:16]} UTC"
    return f"{batch.status}: {papers}{counts}{since}{where}{why}"


def next_line(shown: list[StoredBatch], db: Path) -> str:
    """Say what to do now."""
    from extract.batchwork import has_losses

    place = f"--db {shell_word(db)}"
    if any(batch.is_open for batch in shown):
        return f"next: paperfacts batch fetch {place}   (from any machine; takes up to 24 hours)"
    if any(map(has_losses, shown)):
        return f"next: run the feed again, or paperfacts batch fetch --resubmit {place}"
    if not shown:
        return f"there are no open batches in {db}"
    return f'next: paperfacts sql "select * from results limit 5" {place}'
