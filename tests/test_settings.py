"""Settings: files, variables and options, in that order of rising weight."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path

import pytest

from extract import keys
from extract.asking.providers import PROVIDERS
from extract.errors import InputError
from extract.models import find_model
from extract.settings import SETTINGS, option_of, settle, variable_of
from extract.tasks import load_task
from tests.command import called

SECRET = "sk-canary-0123456789abcdef"


def write(folder: Path, text: str) -> Path:
    """Write a config file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "paperfacts.toml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> InputError:
    """Return the error that a file is."""
    write(folder, text)
    with pytest.raises(InputError) as caught:
        settle()
    return caught.value


def test_without_anything_every_value_is_the_default(project: Path):
    """And says so."""
    settings = settle()

    assert (Path("papers.duckdb"), "facts", 5.0) == (settings.db, settings.task, settings.lock_wait)
    assert {"default"} == {origin.kind for origin in settings.origins.values()}
    assert set(SETTINGS) == set(settings.origins)


def test_an_option_weighs_more_than_a_variable_and_that_more_than_a_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    """And the project's file more than the user's."""
    home = write(
        project.parent / "home" / "paperfacts", "rpm = 1\ntpm = 1\nconcurrency = 1\nlock_wait = 1\n"
    )
    own = write(project, "rpm = 2\ntpm = 2\nconcurrency = 2\n")
    monkeypatch.setenv("PAPERFACTS_RPM", "3")
    monkeypatch.setenv("PAPERFACTS_TPM", "3")
    settings = settle(rpm=4)

    assert (4, 3, 2, 1.0) == (settings.rpm, settings.tpm, settings.concurrency, settings.lock_wait)
    places = [settings.origins[n].place for n in ("rpm", "tpm", "concurrency", "lock_wait")]
    assert ["--rpm", "PAPERFACTS_TPM", str(own), str(home)] == places


def test_the_file_of_a_folder_above_counts_and_its_paths_are_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    """The nearest one; a database named there lies there."""
    write(project, 'db = "out/papers.duckdb"\n')
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)

    assert project / "out" / "papers.duckdb" == settle().db


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ('modell = "openai/x"', "unknown key 'modell'", "Did you mean model?"),
        ('rpm = "500"', "rpm is '500' (a text)", "a whole number of at least 1"),
        ("rpm = 0", "rpm is 0", "a whole number of at least 1"),
        ("rpm = true", "rpm is True (true or false)", "a whole number of at least 1"),
        ("concurrency = 1.5", "concurrency is 1.5", "a whole number of at least 1"),
        ("min_grounded = 95", "min_grounded is 95", "from 0 to 1"),
        ("lock_wait = -1", "lock_wait is -1", "0 or more"),
        ("lock_wait = nan", "lock_wait is NaN", "0 or more"),
        ("model = 3", "model is 3", "a text"),
        ("db = 3", "db is 3", "a text"),
        ('mode = "xml"', "mode is 'xml'", "one of tools, json_schema, responses"),
        ('base_url = "host:80"', "base_url is 'host:80'", "http:// or https://"),
        ("budget = -1", "budget is -1", "an amount of dollars"),
        ("[task]", "task is {}", "a text"),
        ("rpm = = 3", "is not TOML", "example"),
    ],
)
def test_a_wrong_entry_is_said_with_its_file_and_key(project: Path, text: str, key: str, hint: str):
    """And what it should be."""
    error = refusal(project, text)

    assert str(error).startswith(str(project / "paperfacts.toml"))
    assert key in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    "text",
    [
        f'openai_api_key = "{SECRET}"',
        f'api-key = "{SECRET}"',
        f'OPENAI_API_KEY = "{SECRET}"',
        f'token = "{SECRET}"',
        f'[secrets]\nopenai = "{SECRET}"',
        f'model = "{SECRET}"',
        f'base_url = "https://me:{SECRET}@host/v1"',
        f'base_url = "https://host/v1?key={SECRET}"',
    ],
)
def test_a_key_in_a_file_is_refused_and_not_repeated(project: Path, text: str):
    """With where it belongs."""
    error = refusal(project, text)

    assert "looks like a key" in str(error)
    assert "keyring set paperfacts" in error.hint
    assert SECRET not in f"{error} {error.hint}"


@pytest.mark.parametrize("name", ["../outside", "../../etc/passwd", "/etc/passwd", "link"])
@pytest.mark.parametrize("key", ["task", "db"])
def test_a_path_in_a_file_stays_under_its_folder(project: Path, key: str, name: str):
    """A shared config reads nothing else (fault 47)."""
    (project / "link").symlink_to("/etc")

    assert "leads out of the file's folder" in str(refusal(project, f'{key} = "{name}"'))


def test_a_path_in_a_file_is_a_file_or_a_folder(project: Path):
    """No pipe that would be waited for."""
    os.mkfifo(project / "pipe")

    assert "neither a file nor a folder" in str(refusal(project, 'task = "pipe"'))


def test_a_config_that_is_no_regular_file_is_not_read(project: Path):
    """A pipe would be waited for."""
    os.mkfifo(project / "paperfacts.toml")

    with pytest.raises(InputError, match="is no regular file"):
        settle()


def test_a_file_of_another_user_is_not_read(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Its base URL is where papers would be sent; naming it is trusting it."""
    path = write(project, "rpm = 7\n")
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:
        os.chown(path, 1, -1)

    with pytest.raises(InputError, match="belongs to another user"):
        settle()
    monkeypatch.setenv("PAPERFACTS_CONFIG", str(path))
    assert 7 == settle().rpm


def test_an_empty_variable_reads_no_file(project: Path, monkeypatch: pytest.MonkeyPatch):
    """For scripts that want nothing from where they run."""
    write(project, "rpm = 7\n")
    monkeypatch.setenv("PAPERFACTS_CONFIG", "")

    assert settle().rpm is None


def test_a_wrong_variable_is_said_by_name(project: Path, monkeypatch: pytest.MonkeyPatch):
    """And a wrong option too."""
    with pytest.raises(InputError, match="--mode is 'xml'"):
        settle(mode="xml")
    monkeypatch.setenv("PAPERFACTS_CONCURRENCY", "many")
    with pytest.raises(InputError, match="PAPERFACTS_CONCURRENCY is 'many'"):
        settle()


def test_a_local_model_on_the_command_line_is_not_looked_for_on_a_files_server(project: Path):
    """A hosted name is: the server may be a gateway to it."""
    write(project, 'base_url = "http://localhost:8000/v1"\n')

    assert settle(model="local/smollm2-135m").base_url is None
    assert "http://localhost:8000/v1" == settle(model="openai/x").base_url


def test_config_shows_every_setting_and_where_it_came_from(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """As JSON, with no key in it."""
    path = write(project, 'model = "groq/x"\n[prices."groq/x"]\ninput = 0.1\noutput = 1\n')
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("PAPERFACTS_TPM", "9")

    assert 0 == called("config", "--rpm", "5", "--json")
    out = capfd.readouterr().out
    shown = json.loads(out)
    rows = {row["name"]: row for row in shown["settings"]}
    assert list(SETTINGS) == list(rows)
    assert ("groq/x", "file", str(path)) == tuple(
        rows["model"][k] for k in ("value", "from", "place")
    )
    assert (9, "variable") == (rows["tpm"]["value"], rows["tpm"]["from"])
    assert (5, "option", "--rpm") == tuple(rows["rpm"][k] for k in ("value", "from", "place"))
    assert [{"model": "groq/x", "place": str(path)}] == shown["prices"]
    found = {key["name"]: key["is_set"] for key in shown["keys"]}
    assert {"OPENAI_API_KEY": True, "GROQ_API_KEY": False} == found
    assert SECRET not in out


def test_every_setting_is_an_option_of_run(project: Path, capfd: pytest.CaptureFixture[str]):
    """And a variable of its name."""
    assert 0 == called("run", "--help")
    text = capfd.readouterr().out

    assert [] == [name for name in SETTINGS if option_of(name) not in text]
    assert "PAPERFACTS_BASE_URL" == variable_of("base_url")


def test_a_file_decides_what_a_command_uses(project: Path, capfd: pytest.CaptureFixture[str]):
    """An unknown provider in it ends the run before anything is made."""
    write(project, 'model = "gorq/x"\n')
    (project / "feed.jsonl").write_text('{"id": "1", "title": "T", "abstract": "A."}\n')

    assert 2 == called("run", "feed.jsonl")
    assert "no provider is called 'gorq'" in capfd.readouterr().err
    assert not (project / "papers.duckdb").exists()


@pytest.mark.parametrize(
    ("url", "words", "shown"),
    [
        ("localhost:8000/v1", "begins with http:// or https://", "localhost:8000/v1"),
        ("http:///v1", "goes on with a host", "http:///v1"),
        ("http://127.0.0.1:99999/v1", "a mistake: Port out of range", "99999"),
        ("http://[::1/v1", "a mistake: Invalid IPv6", "[::1"),
        (f"https://me:{SECRET}@host/v1", "without user and password", "https://...@host/v1"),
        (f"https://host/v1?k={SECRET}", "without ? and #", "https://host/v1?..."),
        (f"https://me:{SECRET[:4]}/{SECRET}@host", "a mistake: Port could not", "https://...@host"),
        ("https://host/v1#x", "without ? and #", "https://host/v1?..."),
        ("http://exa mple/v1", "without blanks", "http://exa mple/v1"),
    ],
)
def test_an_address_that_cannot_be_called_is_refused_before_anything_is_asked(
    project: Path, capfd: pytest.CaptureFixture[str], url: str, words: str, shown: str
):
    """On the command line, in a batch and in a file; what may be a key in it is not repeated."""
    (project / "feed.jsonl").write_text('{"id": "1", "title": "T", "abstract": "A."}\n')

    assert 2 == called("run", "feed.jsonl", "--model", "x", "--base-url", url)
    told = capfd.readouterr().err
    assert words in told
    assert shown in told
    assert SECRET not in told
    assert not (project / "papers.duckdb").exists()
    with pytest.raises(InputError) as caught:
        find_model("x", load_task(), base_url=url)
    assert words in str(caught.value.hint)
    assert SECRET not in str(caught.value)
    assert SECRET not in str(refusal(project, f"base_url = {json.dumps(url)}\n"))


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (f"{SECRET}\nsecond", "a line break"),
        (f"{SECRET}\u2026", "the character U+2026"),
        (f"\ufeff{SECRET}", "the character U+FEFF"),
    ],
)
def test_a_key_that_no_header_takes_is_told_and_not_shown(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    key: str,
    what: str,
):
    """By the variable that it is in."""
    (project / "feed.jsonl").write_text('{"id": "1", "title": "T", "abstract": "A."}\n')
    monkeypatch.setenv("PAPERFACTS_API_KEY", key)

    assert 2 == called("run", "feed.jsonl", "--model", "x", "--base-url", "http://127.0.0.1:9/v1")
    told = capfd.readouterr().err
    assert f"the key in variable PAPERFACTS_API_KEY cannot be sent: it has {what} in it" in told
    assert SECRET not in told


def test_a_key_comes_from_the_environment_before_the_keyring(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    """The keyring here is a module of the same names; the real one needs a desktop."""
    kept = {("paperfacts", "GROQ_API_KEY"): "from-the-ring"}
    ring = types.ModuleType("keyring")
    ring.get_password = lambda service, name: kept.get((service, name))  # type: ignore[attr-defined]
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    found = keys.find_key(("GROQ_API_KEY",))

    assert found is not None
    assert "keyring paperfacts GROQ_API_KEY" == found.place
    monkeypatch.setenv("GROQ_API_KEY", "from-the-environment")
    again = keys.find_key(("GROQ_API_KEY",))
    assert again is not None
    assert "from-the-environment" == again.secret.get_secret_value()
    assert "from-the" not in repr(again)
    endpoint = find_model("groq/x", load_task()).hosted_endpoint()
    assert "from-the-environment" == endpoint.secret()


def test_the_keyring_itself_is_asked(project: Path, monkeypatch: pytest.MonkeyPatch):
    """One that keeps nothing, as on a server without a desktop."""
    pytest.importorskip("keyring", reason="needs the extra `keyring`")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")

    assert keys.find_key(("GROQ_API_KEY",)) is None


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_that_cannot_be_used_says_what_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    """Its SDK with the command to install it, its address, or its key."""
    for each in PROVIDERS.values():
        for variable in (*each.url_variables, *each.key_variables):
            monkeypatch.delenv(variable, raising=False)
    provider = PROVIDERS[name]
    try:
        endpoint = find_model(f"{name}/m", load_task()).hosted_endpoint()
    except InputError as error:
        told = f"{error} {error.hint}"
        assert any(
            each in told
            for each in (
                f"pip install {provider.package}",
                *(f"export {v}=" for v in (*provider.url_variables, *provider.key_variables)),
            )
        )
        return
    assert not provider.key_variables
    assert (name, "m") == (endpoint.provider, endpoint.model)
