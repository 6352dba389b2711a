"""A project of its own records, replays offline, and is told what it changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from extract.tasks import load_task
from tests.cassette_kit import NET, record
from tests.stub_model import StubModel

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
TASK = ROOT / "fixtures" / "tasks" / "trials"

TESTS = """
PAPERS = [
    {
        "id": "one",
        "title": "Nasal veltamide for migraine",
        "abstract": "Migraine is hard. We gave 240 adults nasal veltamide. It helped 121.",
    }
]


def test_sizes(paperfacts):
    facts = paperfacts.extract("task/feed.jsonl")
    assert {"240", "96", "412"} <= {row["size"] for row in facts.rows("samples")}


def test_feed(paperfacts):
    paperfacts.assert_same(paperfacts.extract("task/feed.jsonl"))


def test_inline(paperfacts):
    facts = paperfacts.extract(PAPERS)
    assert ["240", "121"] == [row["size"] for row in facts.rows("samples")]
    paperfacts.assert_same(facts)
"""
INI = """
[pytest]
paperfacts_model = openai/stub
paperfacts_base_url = http://127.0.0.1:9
paperfacts_task = task
"""
IS_INSTALLED = any(e.name == "paperfacts" for e in entry_points(group="pytest11"))
PLUGIN = [] if IS_INSTALLED else ["-p", "extract.pytest_plugin"]
QUIET = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio"]


class Project:
    """A user's project with three tests, and its recordings once they are made."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.tests = pytester.path / "tests"
        self.folder = self.tests / "fixtures" / "test_trials"

    def run(self, *options: str) -> pytest.RunResult:
        """Run its tests in this process."""
        return self.pytester.runpytest_inprocess(*PLUGIN, *QUIET, *options)

    def record(self, *options: str) -> pytest.RunResult:
        """Record with the stub, and keep the facts as expected."""
        with StubModel() as server:
            url = f"paperfacts_base_url={server.url}"
            result = self.run("--paperfacts-record", "-o", url, *options)
            self.calls = server.calls
        return result

    def said(self, result: pytest.RunResult) -> str:
        """Return all that a run printed."""
        return "\n".join(result.outlines)

    def cassettes(self) -> dict[str, Path]:
        """Return the files of the recordings by the title of their paper."""
        files = self.folder.glob("k1-*.json")
        return {json.loads(f.read_text("utf-8"))["paper"]["title"]: f for f in files}

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the project, as its developer would."""
        path = self.tests / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture(scope="module", autouse=True)
def all_is_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import all that is needed: pytester forgets imports, and DuckDB takes no second one."""
    load_task(str(TASK))
    record(tmp_path_factory.mktemp("imports"), [NET])


@pytest.fixture
def empty(pytester: pytest.Pytester) -> Project:
    """Return the project before anything is recorded."""
    project = Project(pytester)
    shutil.copytree(TASK, project.tests / "task")
    (project.tests / "test_trials.py").write_text(TESTS, "utf-8")
    (pytester.path / "pytest.ini").write_text(INI, "utf-8")
    return project


RECORDED: dict[str, Path] = {}


@pytest.fixture
def project(empty: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return the project with its recordings, made once for all tests."""
    if "made" not in RECORDED:
        result = empty.record("--paperfacts-update")
        result.assert_outcomes(passed=3)
        RECORDED["made"] = tmp_path_factory.mktemp("made") / "fixtures"
        shutil.copytree(empty.tests / "fixtures", RECORDED["made"])
    else:
        shutil.copytree(RECORDED["made"], empty.tests / "fixtures")
    return empty


def test_a_project_without_recordings_is_told_to_make_them(empty: Project) -> None:
    """One message for a whole feed, with the command."""
    said = empty.said(empty.run())

    assert "no answer is recorded about 'Nasal veltamide for acute migraine" in said
    assert "and no answer is recorded about 5 more papers" in said
    assert "Record it with: pytest --paperfacts-record tests/test_trials.py::test_sizes" in said
    assert "Traceback" not in said


def test_recording_asks_each_paper_once_and_writes_what_is_expected(empty: Project) -> None:
    """Two tests share a feed of six papers; the third brings one of its own."""
    result = empty.record("--paperfacts-update")

    result.assert_outcomes(passed=3)
    assert 7 == len(empty.calls) == len(empty.cassettes())
    assert ["test_feed.json", "test_inline.json"] == [
        path.name for path in sorted(empty.folder.glob("test_*"))
    ]
    assert "expected facts written to tests/fixtures/test_trials/test_feed.json" in empty.said(
        result
    )


def test_a_recorded_project_passes_offline(project: Project) -> None:
    """No server is there any more."""
    result = project.run()

    result.assert_outcomes(passed=3)
    assert 0 == result.ret
    assert "stale" not in project.said(result)


def test_an_edited_prompt_is_named(project: Project) -> None:
    """The versions before and after, and how to record."""
    project.edit("task/prompt.md", "people took part", "people were in it")
    result = project.run()

    result.assert_outcomes(failed=3)
    said = project.said(result)
    assert "differs in prompt version: trials.json-" in said
    assert "Record it with: pytest --paperfacts-record" in said


def test_recording_an_edited_prompt_drops_what_it_replaces(project: Project) -> None:
    """No recording of the old prompt is left, and the tests pass again."""
    before = set(project.cassettes().values())
    project.edit("task/prompt.md", "people took part", "people were in it")
    result = project.record()

    assert "7 recordings that nothing plays removed" in project.said(result)
    assert 7 == len(project.cassettes())
    assert set() == before & set(project.cassettes().values())
    project.run().assert_outcomes(passed=3)


def test_a_changed_name_in_an_abstract_is_shown(project: Project) -> None:
    """The sentence with its number, before and after."""
    project.edit("test_trials.py", "adults nasal veltamide", "adults nasal veltamid")
    result = project.run("-k", "inline")

    said = project.said(result)
    assert "sentence 2 of the abstract: '" in said
    assert "240 adults nasal veltamide.' -> '" in said
    assert "240 adults nasal veltamid.'" in said


def test_a_deleted_recording_is_missing(project: Project) -> None:
    """Its paper is named, and the other papers' recordings still play."""
    project.cassettes()["Nasal veltamide for migraine"].unlink()
    result = project.run()

    result.assert_outcomes(passed=2, failed=1)
    assert "no answer is recorded about 'Nasal veltamide for migraine' (one)" in project.said(
        result
    )


def test_a_corrupted_recording_is_named(project: Project) -> None:
    """The file, what is wrong with it, and what to do."""
    path = project.cassettes()["Nasal veltamide for migraine"]
    path.write_bytes(path.read_bytes()[:200])
    said = project.said(project.run())

    file = path.relative_to(project.pytester.path)
    assert f"CassetteDamaged: {file} is damaged: it is not JSON" in said
    assert f"git checkout -- {file}" in said
    assert "Record it with: pytest --paperfacts-record tests/test_trials.py::test_inline" in said


def test_changed_facts_are_shown_one_by_one(project: Project) -> None:
    """What is expected and what is found, as lost, new, changed and moved."""
    expected = "fixtures/test_trials/test_inline.json"
    project.edit(expected, '"size": "121"', '"size": "120"')
    project.edit(expected, '"direction": "same"', '"direction": "better"')
    result = project.run()

    result.assert_outcomes(passed=2, failed=1)
    said = project.said(result)
    assert "- lost" in said
    assert "+ new" in said
    assert "samples: 121" in said
    assert "direction: better -> same" in said
    assert "pytest --paperfacts-update tests/test_trials.py::test_inline" in said
    project.run("--paperfacts-update").assert_outcomes(passed=3)
    project.run().assert_outcomes(passed=3)


def test_missing_expected_facts_are_no_pass(project: Project) -> None:
    """Nothing was compared, so nothing is right."""
    (project.folder / "test_inline.json").unlink()
    result = project.run("-k", "inline")

    result.assert_outcomes(failed=1, deselected=2)
    assert "there are no expected facts in" in project.said(result)


def test_a_recording_that_no_test_plays_fails_the_session(project: Project) -> None:
    """All tests pass, and the session does not: the file is listed with its paper's title."""
    project.edit("test_trials.py", "def test_inline", "def not_a_test_any_more")
    result = project.run()

    result.assert_outcomes(passed=2)
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    said = project.said(result)
    assert "paperfacts: stale recordings" in said
    assert "about 'Nasal veltamide for migraine'" in said
    project.record()
    (project.folder / "test_inline.json").unlink()
    assert 0 == project.run().ret


def test_expected_facts_that_no_test_compares_fail_the_session(project: Project) -> None:
    """They are listed and stay: somebody has looked at them. Other files are left alone."""
    project.edit("test_trials.py", "def test_feed", "def test_the_feed")
    (project.folder / "notes.json").write_text('{"papers": "none"}', "utf-8")
    result = project.run("--paperfacts-update")

    result.assert_outcomes(passed=3)
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    said = project.said(result)
    assert "stale recordings" not in said
    assert "paperfacts: stale expected facts" in said
    assert "  tests/fixtures/test_trials/test_feed.json" in said.splitlines()
    assert "notes.json" not in said
    assert 0 == project.run("-k", "inline").ret
    (project.folder / "test_feed.json").unlink()
    assert 0 == project.run().ret


@pytest.mark.parametrize(
    "options", [["-k", "inline"], ["tests/test_trials.py::test_inline"]], ids=["-k", "::"]
)
def test_some_of_the_tests_cannot_say_what_is_stale(project: Project, options: list[str]) -> None:
    """Six recordings are not played here, and are not stale."""
    result = project.run(*options)

    assert 0 == result.ret
    assert "stale recordings" not in project.said(result)


def test_a_failed_test_cannot_say_what_is_stale(project: Project) -> None:
    """It may have ended before it played anything."""
    project.edit("test_trials.py", "def test_inline(paperfacts):", INTERRUPTED)
    result = project.run()

    result.assert_outcomes(passed=2, failed=1)
    assert "stale recordings" not in project.said(result)


INTERRUPTED = "def test_inline(paperfacts):\n    raise OSError"


def test_texts_are_left_out_where_a_project_says_so(empty: Project) -> None:
    """No abstract is in any file that is to be committed."""
    ini = empty.pytester.path / "pytest.ini"
    ini.write_text(INI + "paperfacts_text = false\n", "utf-8")
    empty.record("--paperfacts-update")
    files = [path for path in empty.folder.iterdir() if path.is_file()]
    text = "".join(path.read_text("utf-8") for path in files)

    assert 9 == len(files)
    assert "We gave" not in text
    assert "Nasal veltamide" not in text
    empty.run().assert_outcomes(passed=3)


def test_refreshing_asks_everything_once_more(project: Project) -> None:
    """A feed that two tests share is asked once."""
    with StubModel() as server:
        url = f"paperfacts_base_url={server.url}"
        project.run("--paperfacts-refresh", "-o", url).assert_outcomes(passed=3)

        assert 7 == len(server.calls)


def test_a_broken_expected_file_is_told_without_a_traceback(project: Project) -> None:
    """What is wrong with it and what to do, as for recordings."""
    file = "fixtures/test_trials/test_inline.json"
    for old, new, words in (
        ('"papers": [', '"papers": [,', "is not JSON"),
        ('"samples": [', '"samples": [7,', "paper one: samples is no list of rows"),
    ):
        text = (project.tests / file).read_text("utf-8")
        project.edit(file, old, new)
        said = project.said(project.run("-k", "inline"))
        (project.tests / file).write_text(text, "utf-8")

        assert f"InputError: tests/{file}" in said
        assert words in said
        assert "make it anew with: pytest --paperfacts-update" in said
        assert "Traceback" not in said
        assert "def read_expected" not in said


CLASSES = """

class TestOne:
    def test_it(self, paperfacts):
        paperfacts.assert_same(paperfacts.extract(PAPERS))


class TestTwo:
    def test_it(self, paperfacts):
        paperfacts.assert_same(paperfacts.extract([]))
"""


def test_tests_of_two_classes_keep_their_facts_apart(project: Project) -> None:
    """They may have the same name, and the command names the class."""
    path = project.tests / "test_trials.py"
    path.write_text(path.read_text("utf-8") + CLASSES, "utf-8")
    said = project.said(project.run("-k", "test_it"))
    assert "pytest --paperfacts-update tests/test_trials.py::TestOne::test_it" in said

    project.run("--paperfacts-update", "tests/test_trials.py::TestOne::test_it")
    project.run("--paperfacts-update", "-k", "test_it").assert_outcomes(passed=2, deselected=3)
    project.run().assert_outcomes(passed=5)


def test_what_was_asked_is_counted(empty: Project) -> None:
    """Once for each question, and nothing is said where nothing was asked."""
    assert "paperfacts: 7 questions asked and recorded" in empty.said(empty.record())
    assert "asked and recorded" not in empty.said(empty.record())


def test_a_renamed_test_file_is_told_where_its_recordings_are(project: Project) -> None:
    """They lie in the folder of the old name, and are stale once the new one has its own."""
    (project.tests / "test_trials.py").rename(project.tests / "test_studies.py")
    said = project.said(project.run("-k", "inline"))
    assert "nothing is recorded in tests/fixtures/test_studies" in said
    assert "it is recorded in tests/fixtures/test_trials/k1-" in said

    shutil.copytree(project.folder, project.tests / "fixtures" / "test_studies")
    result = project.run()
    result.assert_outcomes(passed=3)
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    assert "tests/fixtures/test_trials/k1-" in project.said(result)
    assert "7 recordings that nothing plays removed" in project.said(project.record())
    assert {} == project.cassettes()
    said = project.said(project.run())
    assert "  tests/fixtures/test_trials/test_inline.json" in said.splitlines()
    shutil.rmtree(project.folder)
    assert 0 == project.run().ret


def test_a_task_that_is_not_there_is_told_without_a_traceback(project: Project) -> None:
    """An error of ours is about the project and not about its code."""
    (project.pytester.path / "pytest.ini").write_text(INI.replace("= task", "= tusk"), "utf-8")
    said = project.said(project.run("-k", "inline"))

    assert "TaskError: there is no task folder" in said
    assert "Traceback" not in said


LISTING = """
import sys

def test_nothing():
    print("LOADED", *sorted(name for name in sys.modules if name.startswith("extract")))
"""


def test_a_session_that_does_not_use_the_plugin_loads_nothing_of_it(tmp_path: Path) -> None:
    """The plugin's own module is all that is imported: no engine, no SDK, no database."""
    (tmp_path / "test_it.py").write_text(LISTING, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", *PLUGIN, *QUIET, str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )

    [line] = [line for line in done.stdout.splitlines() if "LOADED" in line]
    assert "LOADED extract extract.pytest_plugin" == line[line.index("LOADED") :]


IMPORTS = """
import sys, pytest
before = set(sys.modules)
import extract.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""


def test_importing_the_plugin_imports_nothing_else() -> None:
    """Whatever is not pytest's own is left until a test asks for the fixture."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ["extract", "extract.pytest_plugin"] == done.stdout.split()


@pytest.mark.slow
def test_workers_of_xdist_share_what_they_played(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker plays a part; what none of them played is stale."""
    # As in this process: a build leaves metadata in the tree, which names the plugin too.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    quiet = ["-p", "no:cacheprovider", "-n", "2"]
    result = project.pytester.runpytest_subprocess(*PLUGIN, *quiet)

    result.assert_outcomes(passed=3)
    assert 0 == result.ret
    project.edit("test_trials.py", "def test_inline", "def not_a_test_any_more")
    result = project.pytester.runpytest_subprocess(*PLUGIN, *quiet)
    assert 1 == result.ret
    assert "about 'Nasal veltamide for migraine'" in project.said(result)
