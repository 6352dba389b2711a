"""What the tests of the database share: feeds, runs in processes of their own, and what is stored.

    python -m tests.faults.store_kit FEED DB URL     runs with a plain client

The plain client asks the same stub about the same papers as the real one, without the second
that importing a provider's SDK takes: a test that kills two hundred runs needs it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb

from extract.completion import Completion, Failure, Usage
from extract.errors import PaperfactsError
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import load_task
from extract.todo import Todo

ROOT = Path(__file__).parents[2]
MAIN = "from extract.cli import main; main()"


def numbered_feed(path: Path, papers: int) -> Path:
    """Write a feed of papers that all say something else."""
    lines = [
        json.dumps(
            {
                "id": f"p{n:05}",
                "title": f"Net{n}: A Network",
                "abstract": f"We train Net{n} on Set{n}X with {n} GPUs. It reaches {n}.5%.",
            }
        )
        for n in range(papers)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a child that runs from this tree."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | extra


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `paperfacts` from this tree."""
    return [sys.executable, "-c", MAIN, *map(str, arguments)]


def run_command(feed: Path, db: Path, url: str, *extra: str) -> list[str]:
    """Return the command line of a run against a stub."""
    return command("run", feed, "--db", db, "--model", "stub", "--base-url", url, *extra)


def plain_run(feed: Path, db: Path, url: str) -> list[str]:
    """Return the command line of a run with the plain client."""
    module = "tests.faults.store_kit"
    return [sys.executable, "-m", module, str(feed), str(db), url]


def ran(
    arguments: Sequence[str], *, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it said."""
    return subprocess.run(
        arguments, cwd=ROOT, env=env or environment(), capture_output=True, text=True, check=False
    )


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with duckdb.connect(str(db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def answered(db: Path) -> set[str]:
    """Return the titles of the papers whose answer is stored."""
    found = rows(
        db,
        "select p.title from papers p join extractions e using (paper_id)"
        " join completions c using (completion_key) where c.status = 'ok'",
    )
    return {row[0] for row in found}


def said_of_papers(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a database says, but for when, how fast and by which run it was written."""
    tables = rows(
        db,
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where not internal and table_name not in ('runs', 'meta') order by 1",
    )
    when = ["run_id", "created_at", "added_at", "latency_s", "request_id"]
    return {
        table: rows(
            db,
            f"select columns(lambda c: not list_contains({when}, c)) from {table} order by all",
        )
        for (table,) in tables
    }


class PlainSession:
    """Asks an endpoint of the OpenAI protocol with the standard library alone."""

    width = 4

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[PlainSession]:
        yield self

    async def ask(self, todo: Todo) -> Completion | Failure:
        content = await asyncio.to_thread(self._post, list(todo.request.messages))
        return Completion(content, Usage(10, 5, 0, 1), finish_reason="stop", http_status=200)

    def _post(self, messages: list[Mapping[str, str]]) -> str:
        body = json.dumps({"model": "stub", "messages": messages}).encode()
        request = urllib.request.Request(f"{self.url}/chat/completions", data=body)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return str(json.load(reply)["choices"][0]["message"]["content"])


def main() -> int:
    """Run a feed; say what went wrong as the command line does."""
    feed, db, url = sys.argv[1:4]
    model = find_model("stub", load_task(), base_url=url)
    options = RunOptions(feed=feed, database=Path(db), lock_wait_s=30)
    try:
        return run(options, model, open_session=PlainSession(url).opened).exit_code
    except PaperfactsError as error:
        print(f"paperfacts: {error}\n  {error.hint}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
