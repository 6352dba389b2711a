"""The database under any order of writing, failing, dying and coming back.

A model says what must be stored; after every step the file says the same. A process that dies is
played by dropping the log that it would not have written and the rows that were not flushed: the
real one is killed in `faults/test_row29_kill.py`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from extract.errors import PaperfactsError
from extract.store.database import Batch, Database
from extract.store.rescue import Rescue, take_up, waiting
from extract.store.state import read_state
from extract.tasks import load_task

TASK = load_task()
PAPERS = st.integers(0, 5)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def answer(paper: int, text: str, status: str) -> Batch:
    """Return the rows of one answer or failure about a paper."""
    completion = {"completion_key": f"c{paper}", "status": status, "content": text}
    if status == "failed":
        return Batch(completions=[completion])
    extraction = f"e{paper}"
    fact = {
        "fact_id": f"f{paper}",
        "extraction_id": extraction,
        "paper_id": f"p{paper}",
        "position": 0,
        "alignment": "exact",
        "text": text,
    }
    mention = {"extraction_id": extraction, "fact_id": f"f{paper}", "surface": text}
    return Batch(
        papers=[{"paper_id": f"p{paper}", "title": text, "text_hash": "h"}],
        completions=[completion],
        extractions=[
            {
                "extraction_id": extraction,
                "paper_id": f"p{paper}",
                "text_hash": "h",
                "completion_key": f"c{paper}",
                "facts": 1,
                "missing": 0,
            }
        ],
        facts={"claims": [fact]},
        mentions=[mention],
        current=[{"task": TASK.name, "paper_id": f"p{paper}", "extraction_id": extraction}],
    )


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Rescue files go to a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


class Cache(RuleBasedStateMachine):
    """Writes batches of answers, and breaks in every way that keeps what was committed."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "papers.duckdb"
        self.buffer: list[Batch] = []
        self.stored: dict[str, tuple[str, str]] = {}
        self.facts: dict[str, str] = {}
        self.commits = 0
        self.rescued: list[Batch] = []
        self.open()

    def open(self) -> None:
        self.store = Database(self.path, TASK)
        assert [] == self.store.prepare()

    def note(self, batch: Batch) -> None:
        """Let the model know of a batch that was committed."""
        for row in batch.completions:
            self.stored[row["completion_key"]] = (row["status"], row["content"])
        for row in batch.facts.get("claims", []):
            self.facts.setdefault(row["fact_id"], row["text"])
        self.commits += 1

    @rule(paper=PAPERS, text=TEXTS, status=st.sampled_from(["ok", "failed"]))
    def receive(self, paper: int, text: str, status: str) -> None:
        """An answer comes in, and waits for its batch."""
        self.buffer.append(answer(paper, text, status))

    def gathered(self) -> Batch:
        batch = Batch()
        for each in self.buffer:
            batch.add(each)
        return batch

    @precondition(lambda self: self.buffer)
    @rule()
    def flush(self) -> None:
        """The batch is committed."""
        batch = self.gathered()
        self.store.write(batch)
        self.note(batch)
        self.buffer = []

    @precondition(lambda self: self.buffer)
    @rule()
    def flush_twice(self) -> None:
        """A commit that was taken for failed is written again, and changes nothing."""
        batch = self.gathered()
        self.store.write(batch)
        self.commits += 1
        self.flush()

    @precondition(lambda self: self.buffer)
    @rule(wrong=st.sampled_from([{"sentence": "one"}, {"nonsense": 1}]))
    def fail(self, wrong: dict[str, Any]) -> None:
        """A row that no column takes keeps its whole batch out, and the batch is still there."""
        batch = self.gathered()
        batch.mentions.append(wrong)
        try:
            self.store.write(batch)
        except PaperfactsError:
            return
        raise AssertionError("a wrong value was stored")

    @rule()
    def die(self) -> None:
        """What was not flushed is gone, and a new process opens the file."""
        self.buffer = []
        self.open()

    @precondition(lambda self: self.buffer)
    @rule()
    def rescue(self) -> None:
        """The disk takes nothing: the batch goes elsewhere, and the process ends."""
        batch = self.gathered()
        rescue = Rescue(self.store)
        rescue.keep(batch)
        assert 0 == rescue.lost
        self.buffer = []
        self.open()
        for note in take_up(self.store):
            assert "have been written" in note
        self.note(batch)

    @invariant()
    def the_file_says_what_the_model_says(self) -> None:
        with duckdb.connect(str(self.path), read_only=True) as connection:

            def ask(sql: str) -> list[tuple[Any, ...]]:
                return connection.execute(sql).fetchall()

            found = ask("select completion_key, status, content from completions")
            assert self.stored == {row[0]: row[1:] for row in found}
            facts = ask("select fact_id, text from history.facts_claims order by 1")
            assert sorted(self.facts.items()) == facts
            mentions = ask("select fact_id, surface from mentions order by 1")
            assert sorted(self.facts.items()) == mentions
            assert [(len(self.facts),)] == ask("select count(*) from claims")
            assert [(self.commits,)] == ask("select flush_seq from meta")
        assert self.commits == read_state(self.path)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            assert [] == waiting(self.path)
            shutil.rmtree(self.folder)


TestCache = Cache.TestCase
TestCache.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
