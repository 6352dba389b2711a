"""What the tests of batches share: a small feed, the commands in this process, what is stored."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from extract.cli.batching import run_batch
from extract.models import Model, find_model
from extract.pipeline import RunOptions
from extract.tasks import load_task
from tests.batch_server import BatchServer
from tests.faults.store_kit import numbered_feed, rows

TITLES = [f"Net{n}: A Network" for n in range(3)]


@dataclass
class Place:
    """A feed of three papers, a database, and the provider that is asked."""

    server: BatchServer
    feed: Path
    db: Path
    mode: str | None = None

    @property
    def model(self) -> Model:
        """The model as `--model openai/m --base-url` names it."""
        return find_model("openai/m", load_task(), base_url=self.server.url, mode=self.mode)

    def run(self, **options: object) -> tuple[int, str]:
        """`paperfacts run FEED --batch`: the exit code and what was printed."""
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            chosen = RunOptions(feed=str(self.feed), database=self.db, **options)  # type: ignore[arg-type]
            code = run_batch(chosen, self.model)
        return code, out.getvalue()

    def batch(self, *arguments: str, db: Path | None = None) -> tuple[int, str]:
        """`paperfacts batch ...`: the exit code and what was printed."""
        from extract.cli import _guarded

        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            code = _guarded(["batch", *arguments, "--db", str(db or self.db)])
        return code, out.getvalue()

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        return rows(self.db, sql)

    def newest(self) -> str:
        """Return the id of the batch that was made last."""
        return str(self.rows("select arg_max(batch_id, created_at) from batches")[0][0])

    def states(self) -> list[object]:
        """Return the state of each batch, the oldest first."""
        return [row[0] for row in self.rows("select state from batches order by created_at")]

    def outcomes(self) -> dict[object, object]:
        """Return what became of each paper that was in a batch, the last time."""
        found = self.rows(
            "select p.title, arg_max(coalesce(r.outcome, 'open'), b.created_at)"
            " from batch_requests r join batches b using (batch_id)"
            " join papers p on list_contains(r.paper_ids, p.paper_id)"
            " where b.state <> 'dropped' group by 1 order by 1"
        )
        return dict(found)  # type: ignore[arg-type]

    def answered(self) -> list[object]:
        """Return the titles of the papers that have facts from an answer."""
        return [
            row[0]
            for row in self.rows(
                "select p.title from papers p join current_extractions using (paper_id)"
                " join extractions e using (extraction_id)"
                " join completions c using (completion_key) where c.status = 'ok' order by 1"
            )
        ]


def make_place(server: BatchServer, folder: Path, papers: int = 3) -> Place:
    """Return a feed and a database in *folder*."""
    feed = numbered_feed(folder / "feed.jsonl", papers)
    return Place(server, feed, folder / "papers.duckdb")


def asked_once(server: BatchServer, titles: Sequence[str] = TITLES) -> bool:
    """True where each paper was in exactly one batch."""
    return dict(server.asked) == dict.fromkeys(titles, 1)
