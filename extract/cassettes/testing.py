"""What a test does with recordings: extract a feed, and compare its facts with those expected.

This is the object behind the pytest fixture `paperfacts`, and knows nothing of pytest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from extract.cassettes.expected import difference, expected_of, read_expected, write_expected
from extract.cassettes.extracting import Extracted, extract_papers
from extract.cassettes.folder import Cassettes, shown_path
from extract.cassettes.modes import Mode
from extract.cassettes.session import CassetteSession
from extract.errors import InputError
from extract.feeds import read_feed
from extract.models import Model, find_model
from extract.papers import Paper, name_paper, storable
from extract.sidebyside import live_session
from extract.tasks import BUILT_IN, load_task

FeedLike = str | Path | Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Defaults:
    """What a project says once for all its tests."""

    model: str | None = None
    base_url: str | None = None
    task: str = "facts"
    with_text: bool = True


@dataclass
class Recordings:
    """The recordings and expected facts of one test module, as one of its tests uses them.

    `folder` holds both; feeds and tasks are named relative to `here`. `written` lists the
    expected files that were made or changed, `compared` those that were used at all; `played`
    is shared by all tests of the folder; `asked` are the keys of what a model was asked.
    """

    folder: Path
    here: Path
    name: str
    mode: Mode = "replay"
    is_updating: bool = False
    defaults: Defaults = Defaults()
    record_command: str = "pytest --paperfacts-record"
    update_command: str = "pytest --paperfacts-update"
    written: list[Path] = field(default_factory=list)
    compared: list[Path] = field(default_factory=list)
    played: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """Be short in a traceback."""
        return f"<recordings in {shown_path(self.folder)}>"

    def extract(
        self,
        feed: FeedLike,
        *,
        model: str | None = None,
        base_url: str | None = None,
        mode: str | None = None,
        task: str | None = None,
        trust_code: bool = False,
        format: str | None = None,
        columns: Mapping[str, str] | None = None,
        with_text: bool | None = None,
    ) -> Extracted:
        """Return the facts of *feed*: a file, or papers with `title`, `abstract` and maybe `id`.

        Without *with_text*, nothing of a title or abstract is written to a file. Everything else
        means what it means for `paperfacts run`; *mode* is how a hosted model is held to the
        schema.
        """
        task = task or self.defaults.task
        where = task if task in BUILT_IN else str(self.here / task)
        chosen = find_model(
            model or self.defaults.model,
            load_task(where, trust_code=trust_code),
            base_url=base_url or self.defaults.base_url,
            mode=mode,
        )
        if isinstance(feed, str | Path):
            papers = list(read_feed(self.here / feed, format=format, columns=columns).papers)
        else:
            papers = [_paper(each) for each in feed]
        kept = self.defaults.with_text if with_text is None else with_text
        session = self._session(chosen, kept)
        try:
            return extract_papers(papers, chosen, session)
        finally:
            self.asked += session.asked

    def assert_same(self, extracted: Extracted, expected: str | None = None) -> None:
        """Compare facts with the expected file of this test, or the file called *expected*.

        Raises `AssertionError` with every fact that is lost, new, changed or moved. Where
        expected files are being updated, writes the file instead.
        """
        __tracebackhide__ = True
        path = self.folder / (expected or f"{self.name}.json")
        self.compared.append(path)
        if self.is_updating:
            if not path.exists() or _is_other(path, extracted):
                write_expected(path, extracted)
                self.written.append(path)
            return
        if not path.exists():
            raise AssertionError(
                f"there are no expected facts in {shown_path(path)}\n"
                f"Look at the facts, then keep them with: {self.update_command}"
            )
        if words := difference(read_expected(path), extracted):
            raise AssertionError(
                f"the facts are not those of {shown_path(path)}\n{words}\n"
                f"If that is right, accept it with: {self.update_command}"
            )

    def _session(self, model: Model, with_text: bool) -> CassetteSession:
        cassettes = Cassettes(self.folder)
        cassettes.played = self.played
        live = None if self.mode == "replay" else live_session(model, None, _quiet)
        return CassetteSession(
            cassettes,
            model.recipe,
            self.mode,
            live=live.opened if live else None,
            width=live.width if live else 1,
            with_text=with_text,
            command=self.record_command,
        )


def _quiet(progress: object) -> None:
    """Say nothing while weights are fetched."""


def _is_other(path: Path, extracted: Extracted) -> bool:
    """True where a file does not say what would be written; a broken one is written anew."""
    try:
        return read_expected(path) != expected_of(extracted)
    except InputError:
        return True


def _paper(said: Mapping[str, str]) -> Paper:
    """Return a paper that a test wrote down itself."""
    if missing := {"title", "abstract"} - said.keys():
        raise InputError(
            f"a paper has no {' and no '.join(sorted(missing))}",
            hint='Write it as {"title": ..., "abstract": ...}.',
        )
    title, abstract = storable(said["title"])[0], storable(said["abstract"])[0]
    return Paper(said.get("id") or name_paper((), title, abstract), title, abstract)
