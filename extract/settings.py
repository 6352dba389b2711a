"""The settings of a run, and where each of them came from.

    the default  <  the user's file  <  the project's file  <  PAPERFACTS_*  <  an option

The project's file is `paperfacts.toml` in the current folder or the nearest one above it; the
user's lies in their config folder. Whatever stands in a file may come from a stranger, with a
checkout: its paths stay under its own folder, a file of another user is not read, and keys of
providers have no place in it.

Not here: what a setting means (`extract.models`, `extract.pipeline`), and keys (`extract.keys`).
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from extract.baseurl import base_url_of, shown_url
from extract.errors import InputError

if TYPE_CHECKING:
    from extract.configfile import ConfigFile

MODES = ("tools", "json_schema", "responses")
PREFIX = "PAPERFACTS_"
DEFAULT_DATABASE = Path("papers.duckdb")


@dataclass(frozen=True)
class Origin:
    """Where a value came from: the default, a file, a variable or an option, by name."""

    kind: Literal["default", "file", "variable", "option"]
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.place}".strip()


@dataclass(frozen=True)
class Setting:
    """One setting: how it is written, and which value that is.

    `read` takes what stands in a file, or the text of a variable or option, and raises
    `ValueError` with what it should be.
    """

    read: Callable[[Any], Any]
    words: str


@dataclass(frozen=True)
class Settings:
    """What a command is to work with; `origins` says where each value came from."""

    db: Path = DEFAULT_DATABASE
    model: str | None = None
    base_url: str | None = None
    mode: str | None = None
    task: str = "facts"
    concurrency: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    lock_wait: float = 5.0
    min_grounded: float | None = None
    budget: str | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    return value


def _mode(value: Any) -> str:
    if value not in MODES:
        raise ValueError(f"one of {', '.join(MODES)}")
    return str(value)


def _count(value: Any) -> int:
    """Read a whole number of at least 1; 1_000 is one in TOML and in Python."""
    wrong = ValueError("a whole number of at least 1")
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise wrong from None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise wrong
    return value


def _number(value: Any, words: str, most: float = math.inf) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= most or math.isinf(number):
        raise ValueError(words)
    return number


def _seconds(value: Any) -> float:
    return _number(value, "a number of seconds, 0 or more")


def _share(value: Any) -> float:
    return _number(value, "a share from 0 to 1: 0.95 is 95%", most=1)


def _budget(value: Any) -> str:
    """Read dollars: 5 in all, or +5 for one run, which only a text can say."""
    words = "an amount of dollars: 5.00 in all, +5.00 for one run"
    if isinstance(value, str):
        _number(value.strip().removeprefix("+"), words)
        return value.strip()
    _number(value, words)
    return str(value)


SETTINGS = {
    "db": Setting(lambda value: Path(_text(str(value))), "database file"),
    "model": Setting(_text, "local/NAME or PROVIDER/NAME"),
    "base_url": Setting(base_url_of, "server that speaks the OpenAI protocol"),
    "mode": Setting(_mode, "how a hosted model is held to the schema"),
    "task": Setting(_text, "what to extract: facts, or a folder"),
    "concurrency": Setting(_count, "calls at a time"),
    "rpm": Setting(_count, "requests a minute at most"),
    "tpm": Setting(_count, "input and output tokens a minute at most"),
    "lock_wait": Setting(_seconds, "seconds to wait for another run to end"),
    "min_grounded": Setting(_share, "share of the facts that should stand in the text"),
    "budget": Setting(_budget, "dollars that may be spent: 5.00 in all, +5.00 for one run"),
}
"""Every setting by its name: in a file, after PAPERFACTS_ as a variable, after -- as an option."""
TEXTS = ("db", "model", "base_url", "mode", "task", "budget")
_RANKS = ("default", "file", "variable", "option")

_IS_SECRET = re.compile(r"(^|_)(api_?keys?|keys?|secrets?|passwords?|passwd|credentials?)(_|$)")
_TOKEN = re.compile(r"(^|_)(auth|access|bearer|api|id|refresh)?_?token$")
_KEY_SHAPE = re.compile(
    r"(?i)^(bearer\s|sk-|pk-|rk-|gsk_|xai-|pplx-|hf_|nvapi-|AIza|AKIA|ghp_)\S{8,}"
)


def settle(**options: Any) -> Settings:
    """Return the settings: *options* where they are not None, else variable, file, default.

    An unknown name is a mistake of ours; a wrong value raises `InputError` with its place.
    """
    from extract.configfile import config_files

    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for file in config_files():
        for name, value in _of_file(file).items():
            values[name], origins[name] = value, Origin("file", str(file.path))
    for name in SETTINGS:
        if written := os.environ.get(variable_of(name)):
            values[name] = _read(name, written, variable_of(name))
            origins[name] = Origin("variable", variable_of(name))
    for name, given in options.items():
        if given is not None:
            values[name] = _read(name, given, option_of(name))
            origins[name] = Origin("option", option_of(name))
    if _names_a_local_model(values, origins):
        # The server in a file is not where the model of this command runs.
        del values["base_url"], origins["base_url"]
    for each in fields(Settings):
        origins.setdefault(each.name, Origin("default"))
    del origins["origins"]
    return Settings(**values, origins=origins)


def settle_database(given: Path | None) -> tuple[Path, Origin]:
    """Return the database of a command that needs no other setting, and where it is named.

    What has less weight than the place that names it is not read.
    """
    if given is not None:
        return given, Origin("option", option_of("db"))
    if written := os.environ.get(variable_of("db")):
        return _read("db", written, variable_of("db")), Origin("variable", variable_of("db"))
    from extract.configfile import config_files

    for file in reversed(config_files()):
        if "db" in (settings := _of_file(file)):
            return settings["db"], Origin("file", str(file.path))
    return DEFAULT_DATABASE, Origin("default")


def _names_a_local_model(values: Mapping[str, Any], origins: Mapping[str, Origin]) -> bool:
    """Say whether a local model was asked for with more weight than a server was."""
    if "base_url" not in values or not str(values.get("model", "")).startswith("local/"):
        return False
    return _RANKS.index(origins["model"].kind) > _RANKS.index(origins["base_url"].kind)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def option_of(name: str) -> str:
    """Return the option of a setting."""
    return "--" + name.replace("_", "-")


def price_tables() -> list[tuple[Any, str]]:
    """Return the tables `prices` of the config files and where they stand, rising in weight."""
    from extract.configfile import config_files

    found = [(file, file.document.get("prices")) for file in config_files()]
    return [(table, str(file.path)) for file, table in found if table is not None]


def _read(name: str, value: Any, place: str) -> Any:
    try:
        return SETTINGS[name].read(value)
    except ValueError as error:
        if name == "base_url" and isinstance(value, str):
            value = shown_url(value)
        raise InputError(f"{place} is {_shown(value)}", hint=f"It should be {error}.") from None


def _of_file(file: ConfigFile) -> dict[str, Any]:
    """Return the settings that a file holds, checked."""
    found = {}
    for name, value in file.document.items():
        _check_no_secret(file, name, value)
        if name == "prices":
            continue  # `extract.money` reads them
        if name not in SETTINGS:
            near = difflib.get_close_matches(name, [*SETTINGS, "prices"], 1)
            hint = f"Did you mean {near[0]}?" if near else f"Keys are: {', '.join(SETTINGS)}."
            raise InputError(f"{file.path}: unknown key {name!r}", hint=hint)
        if type(value) is str and name not in TEXTS:
            raise _wrong_type(file, name, value)
        if name == "db" and not isinstance(value, str):
            raise _wrong_type(file, name, value)
        found[name] = _read(name, value, f"{file.path}: {name}")
        if name == "db":
            found[name] = file.inside(name, value)
        if name == "task" and value != "facts":
            found[name] = str(file.inside(name, value))
    return found


def _wrong_type(file: ConfigFile, name: str, value: Any) -> InputError:
    """Return the error of a number in quotes, or a path that is no text."""
    try:
        SETTINGS[name].read([])
    except ValueError as error:
        words = str(error)
    else:
        words = "a text"
    return InputError(f"{file.path}: {name} is {_shown(value)}", hint=f"It should be {words}.")


def _check_no_secret(file: ConfigFile, name: str, value: Any) -> None:
    """Raise where an entry is, or looks like, a key of a provider; it is not repeated."""
    lowered = name.lower().replace("-", "_")
    try:
        parts = urlsplit(value) if isinstance(value, str) and "://" in value else None
    except ValueError:
        parts = None  # no URL, which is told when the setting is read
    is_secret = (
        _IS_SECRET.search(lowered) is not None
        or _TOKEN.search(lowered) is not None
        or (isinstance(value, str) and _KEY_SHAPE.match(value) is not None)
        or (parts is not None and (parts.password or parts.username or "key=" in parts.query))
    )
    if is_secret:
        raise InputError(
            f"{file.path}: {name} looks like a key, and keys do not belong in a file that is"
            " passed on",
            hint="Take it out. Keep it in the environment (export OPENAI_API_KEY=..., for"
            " --base-url PAPERFACTS_API_KEY) or in a keyring (keyring set paperfacts"
            " OPENAI_API_KEY).",
        )


def _shown(value: Any) -> str:
    """Return a value as a message shows it, with its kind where that may be what is wrong."""
    words = repr(value) if isinstance(value, str) else str(value)
    kind = {str: "a text", bool: "true or false", list: "a list", dict: "a table"}.get(type(value))
    words = words if len(words) <= 80 else words[:79] + "…"
    return f"{words} ({kind})" if kind else words
