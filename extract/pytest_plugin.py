"""The pytest plugin: a fixture that replays recorded answers from the folder of a test.

    def test_numbers(paperfacts):
        facts = paperfacts.extract("feed.txt")
        assert "84.1%" in [row["value"] for row in facts.rows("results")]
        paperfacts.assert_same(facts)

`pytest` replays, with no key, no model and no network; `pytest --paperfacts-record` asks what is
missing, and `pytest --paperfacts-update` writes the expected facts. Recordings that no test plays
any more, and expected facts that none compares with, fail the session, where all tests of their
folder ran and passed.

pytest imports this module in every session of every project that has paperfacts installed, so
nothing is imported here that is not imported already.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from extract.cassettes.modes import Mode
    from extract.cassettes.testing import Recordings
    from extract.errors import PaperfactsError

FIXTURE = "paperfacts"


class Ledger:
    """What a session did with recordings: which tests use them, which passed, what was played."""

    def __init__(self) -> None:
        self.users: dict[str, set[str]] = {}
        """The tests that use a folder, those that were deselected too."""
        self.passed: set[str] = set()
        self.played: dict[str, set[str]] = {}
        self.compared: set[str] = set()
        """The expected files that a test named."""
        self.homes: dict[str, str] = {}
        """Folders of folders of recordings, and the folder of tests that each belongs to."""
        self.asked: set[str] = set()
        self.written: list[str] = []
        self.stale: list[str] = []
        self.uncompared: list[str] = []
        self.removed = 0

    def as_data(self) -> dict[str, Any]:
        """Return the ledger as plain data for another process."""
        return {
            "users": {folder: sorted(tests) for folder, tests in self.users.items()},
            "passed": sorted(self.passed),
            "played": {folder: sorted(keys) for folder, keys in self.played.items()},
            "compared": sorted(self.compared),
            "homes": self.homes,
            "asked": sorted(self.asked),
            "written": self.written,
        }

    def add(self, data: dict[str, Any]) -> None:
        """Take over the ledger of another process."""
        for folder, tests in data["users"].items():
            self.users.setdefault(folder, set()).update(tests)
        for folder, keys in data["played"].items():
            self.played.setdefault(folder, set()).update(keys)
        self.compared.update(data["compared"])
        self.homes.update(data["homes"])
        self.asked.update(data["asked"])
        self.passed.update(data["passed"])
        self.written += data["written"]

    def complete(self) -> list[str]:
        """Return the folders whose tests all ran and passed."""
        return sorted(folder for folder, tests in self.users.items() if tests <= self.passed)

    def left_behind(self) -> list[str]:
        """Return the folders of recordings or expected facts whose test file is gone."""
        from extract.cassettes.expected import uncompared

        return [
            str(folder)
            for place, home in sorted(self.homes.items())
            if Path(place).is_relative_to(home) and Path(place).is_dir()
            for folder in sorted(Path(place).iterdir())
            if str(folder) not in self.users
            and not Path(home, f"{folder.name}.py").exists()
            and (any(folder.glob("k[0-9]*-*.json")) or uncompared(folder, set()))
        ]


LEDGER = pytest.StashKey[Ledger]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings."""
    group = parser.getgroup("paperfacts", "recorded answers of a model (paperfacts)")
    group.addoption(
        "--paperfacts-record",
        action="store_true",
        help="ask the model what is not recorded yet, and drop recordings that no test plays",
    )
    group.addoption(
        "--paperfacts-refresh", action="store_true", help="ask the model everything anew"
    )
    group.addoption(
        "--paperfacts-update",
        action="store_true",
        help="write the facts that the tests find as the expected ones",
    )
    parser.addini(
        "paperfacts_folder", "where recordings lie, beside a test file", default="fixtures"
    )
    parser.addini("paperfacts_model", "the model that tests ask where they name none")
    parser.addini("paperfacts_base_url", "URL of a server with the OpenAI protocol, to record from")
    parser.addini("paperfacts_task", "the task that tests ask where they name none")
    parser.addini(
        "paperfacts_text", "keep the papers' text in recordings", type="bool", default=True
    )


def pytest_configure(config: pytest.Config) -> None:
    """Open the session's ledger."""
    config.stash[LEDGER] = Ledger()


@pytest.fixture(name=FIXTURE)
def paperfacts_fixture(request: pytest.FixtureRequest) -> Iterator[Recordings]:
    """Recorded answers of a model: `extract` a feed, `assert_same` its facts."""
    from extract.cassettes.testing import Defaults, Recordings
    from extract.errors import PaperfactsError

    config, path = request.config, request.path
    classes = [node.name for node in request.node.listchain() if isinstance(node, pytest.Class)]
    where = shlex.quote("::".join([_shown(path, config), *classes, request.node.originalname]))

    class ForPytest(Recordings):
        """Says our errors without a traceback: they are about the project, not its code."""

        def extract(self, *arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            try:
                return super().extract(*arguments, **options)
            except PaperfactsError as error:
                words = _told(error)
            pytest.fail(words, pytrace=False)

        def assert_same(self, *arguments: Any, **options: Any) -> None:
            __tracebackhide__ = True
            try:
                return super().assert_same(*arguments, **options)
            except PaperfactsError as error:
                words = _told(error)
            pytest.fail(words, pytrace=False)

    folder = _folder(path, config)
    ledger = config.stash[LEDGER]
    recordings = ForPytest(
        folder=folder,
        here=path.parent,
        name=_file_name(".".join([*classes, request.node.name])),
        mode=_mode(config),
        is_updating=config.getoption("--paperfacts-update"),
        defaults=Defaults(
            model=config.getini("paperfacts_model") or None,
            base_url=config.getini("paperfacts_base_url") or None,
            task=config.getini("paperfacts_task") or "facts",
            with_text=config.getini("paperfacts_text"),
        ),
        record_command=f"pytest --paperfacts-record {where}",
        update_command=f"pytest --paperfacts-update {where}",
        played=ledger.played.setdefault(str(folder), set()),
    )
    yield recordings
    ledger.asked.update(recordings.asked)
    ledger.compared.update(map(str, recordings.compared))
    ledger.written += [_shown(each, config) for each in recordings.written]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which tests use recordings, before any of them is deselected."""
    ledger = config.stash[LEDGER]
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            folder = _folder(item.path, config)
            ledger.users.setdefault(str(folder), set()).add(item.nodeid)
            ledger.homes[str(folder.parent)] = str(item.path.parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Note the tests that use recordings and passed."""
    report: pytest.TestReport = yield
    if report.when == "call" and report.passed and FIXTURE in getattr(item, "fixturenames", ()):
        item.config.stash[LEDGER].passed.add(item.nodeid)
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist did."""
    data = getattr(node, "workeroutput", {}).get(FIXTURE)
    if data is not None:
        node.config.stash[LEDGER].add(data)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session that left recordings unplayed; drop them where it recorded."""
    config = session.config
    ledger = config.stash[LEDGER]
    if hasattr(config, "workeroutput"):
        config.workeroutput[FIXTURE] = ledger.as_data()
        return
    if not ledger.users or _is_selection(config):
        return
    from extract.errors import PaperfactsError

    folders = ledger.complete()
    if folders and session.exitstatus == pytest.ExitCode.OK:
        folders += ledger.left_behind()
    for folder in folders:
        try:
            _look_for_stale(folder, ledger, _mode(config))
        except PaperfactsError as error:
            ledger.stale.append(f"  {_told(error)}")
    if (ledger.stale or ledger.uncompared) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _look_for_stale(folder: str, ledger: Ledger, mode: Mode) -> None:
    """Note what no test played or compared in a folder; where recordings are made, delete those.

    Expected files are not deleted: what is in them was looked at by somebody.
    """
    from extract.cassettes import Cassettes, stale_lines
    from extract.cassettes.expected import uncompared

    cassettes = Cassettes(Path(folder))
    cassettes.played = ledger.played.get(folder, set())
    keys = cassettes.unplayed()
    if keys and mode == "replay":
        ledger.stale += stale_lines(cassettes, keys)
    elif keys:
        cassettes.remove(keys)
        ledger.removed += len(keys)
    ledger.uncompared += uncompared(Path(folder), ledger.compared)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which recordings are stale, and what was written."""
    ledger = config.stash[LEDGER]
    if ledger.stale:
        terminalreporter.section("paperfacts: stale recordings", red=True, bold=True)
        for line in ledger.stale:
            terminalreporter.line(line)
        terminalreporter.line(
            "No test plays them any more. Delete the files, or run: pytest --paperfacts-record"
        )
    if ledger.uncompared:
        terminalreporter.section("paperfacts: stale expected facts", red=True, bold=True)
        for path in ledger.uncompared:
            terminalreporter.line(f"  {path}")
        terminalreporter.line("No test compares with them any more. Delete the files.")
    if ledger.asked or ledger.removed:
        from extract.terminal import counted
    if ledger.asked:
        asked = counted(len(ledger.asked), "question")
        terminalreporter.line(f"paperfacts: {asked} asked and recorded")
    for path in sorted(set(ledger.written)):
        terminalreporter.line(f"paperfacts: expected facts written to {path}")
    if ledger.removed:
        removed = counted(ledger.removed, "recording")
        terminalreporter.line(f"paperfacts: {removed} that nothing plays removed")


def _told(error: PaperfactsError) -> str:
    """Return an error of ours in words: what, where, what now."""
    return f"{type(error).__name__}: {error}\n{error.hint}".rstrip()


def _mode(config: pytest.Config) -> Mode:
    if config.getoption("--paperfacts-refresh"):
        return "refresh"
    return "record" if config.getoption("--paperfacts-record") else "replay"


def _is_selection(config: pytest.Config) -> bool:
    """True where tests were named one by one: the others were not even collected."""
    is_last_failed = config.getoption("lf", default=False)
    return bool(is_last_failed) or any("::" in str(argument) for argument in config.args)


def _folder(path: Path, config: pytest.Config) -> Path:
    """Return the folder of recordings that belongs to a test file."""
    folder: str = config.getini("paperfacts_folder")
    return Path(os.path.normpath(path.parent / folder / path.stem))


def _file_name(test: str) -> str:
    """Return the name of a test as that of a file: the ids of parameters may be anything."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in test)


def _shown(path: Path, config: pytest.Config) -> str:
    """Return a path as people type it."""
    start = config.invocation_params.dir
    return str(path.relative_to(start)) if path.is_relative_to(start) else str(path)
