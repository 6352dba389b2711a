"""What probes have said of a model, and whether a run may begin.

A probe holds for one way to ask (`Recipe.ask_id`): another model, prompt, schema or setting
has not been probed. Outcomes are kept in a folder of the user, so that they are there before
any database is, and in the database of `--db`; the newer one counts.

    PAPERFACTS_DATA    the folder, instead of the one the system has for data of programs

A local model may ship with an outcome: a file of the same form beside its adapter.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from extract.errors import InputError
from extract.local.registry import ADAPTERS
from extract.models import Model
from extract.probing import Verdict, task_texts
from extract.recipe import Recipe
from extract.report import RunReport
from extract.store.database import now
from extract.store.probes import newest_probe
from extract.version import tool_version

DATA_VARIABLE = "PAPERFACTS_DATA"

Suite = Literal["reading", "injection"]


@dataclass(frozen=True)
class ProbeRecord:
    """One probe: what was asked how, and the outcome. A row of the table `probes`."""

    probe_id: str
    suite: Suite
    model: str
    model_id: str
    ask_id: str
    task: str
    verdict: Verdict | None
    reasons: tuple[str, ...]
    counts: Mapping[str, int]
    rate: float
    texts: int
    calls: int
    input_tokens: int
    output_tokens: int
    probed_at: str = field(default_factory=now)
    tool_version: str = field(default_factory=tool_version)

    def row(self) -> dict[str, Any]:
        """Return the record as a row of the database."""
        return asdict(self) | {"reasons": list(self.reasons), "counts": json.dumps(self.counts)}


@dataclass(frozen=True)
class Standing:
    """What a run says of its model's probe: the verdict, and words for the user, if any."""

    verdict: Verdict | None = None
    words: str = ""


def new_record(
    suite: Suite,
    recipe: Recipe,
    report: RunReport,
    *,
    verdict: Verdict | None,
    reasons: tuple[str, ...],
    counts: Mapping[Any, int],
    rate: float,
) -> ProbeRecord:
    """Return the record of a probe that has ended now."""
    return ProbeRecord(
        f"probe-{secrets.token_hex(6)}",
        suite,
        recipe.model,
        recipe.model_id,
        recipe.ask_id,
        recipe.task.name,
        verdict,
        reasons,
        dict(counts),
        round(rate, 4),
        report.papers,
        report.usage.calls,
        report.usage.input_tokens,
        report.usage.output_tokens,
    )


def probes_folder() -> Path:
    """Return the folder of the user that outcomes are kept in; it need not exist yet."""
    if named := os.environ.get(DATA_VARIABLE):
        return Path(named).expanduser().absolute() / "probes"
    import platformdirs

    return platformdirs.user_data_path("paperfacts", appauthor=False) / "probes"


def keep(record: ProbeRecord) -> Path:
    """Write *record* into the user's folder and return the file; raises `OSError`."""
    path = probes_folder() / _file_name(record.ask_id, record.suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    new.replace(path)
    return path


def last_probe(recipe: Recipe, database: Path, suite: Suite = "reading") -> ProbeRecord | None:
    """Return the newest outcome for this way to ask, None where it was never probed."""
    name = _file_name(recipe.ask_id, suite)
    found = [_read(folder / name) for folder in (probes_folder(), ADAPTERS)]
    if (row := newest_probe(database, recipe.ask_id, suite)) is not None:
        found.append(_record(row | {"counts": json.loads(row["counts"])}))
    return max((each for each in found if each), key=lambda each: each.probed_at, default=None)


def standing(model: Model, database: Path, *, force: bool = False) -> Standing:
    """Return what a run says of its model; raise `InputError` for an unfit one without *force*.

    Of a model that was never probed, only who pays for the answers is told.
    """
    probe = last_probe(model.recipe, database)
    command = probe_command(model)
    if probe is None:
        if model.is_local or task_texts(model.recipe.task, "probes") is None:
            return Standing()
        return Standing(words=f"never probed; to see whether it reads what it is given: {command}")
    said = f"probed {probe.probed_at[:10]}: {probe.verdict}"
    if probe.verdict != "unfit":
        return Standing(probe.verdict, said)
    if force:
        return Standing(probe.verdict, f"{said}; --force was given")
    raise InputError(
        f"model {model.name} was {said} for task {probe.task}: {'; '.join(probe.reasons)}",
        hint=f"Choose another model, probe again ({command}), or run it all the same with --force.",
    )


def probe_command(model: Model) -> str:
    """Return the command that probes *model*."""
    words = ["paperfacts", "probe", model.name]
    words += ["--base-url", model.base_url] if model.base_url else []
    words += ["--mode", model.recipe.mode] if model.recipe.mode else []
    return shlex.join(words)


def _file_name(ask_id: str, suite: Suite) -> str:
    return f"{ask_id}.{suite}.json"


def _read(path: Path) -> ProbeRecord | None:
    """Return the record in a file; None where there is none."""
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not the outcome of a probe: {error}",
            hint="Delete it, and probe the model again.",
        ) from error


def _record(said: Mapping[str, Any]) -> ProbeRecord:
    """Return the record that a file or a row holds."""
    known = {f.name for f in fields(ProbeRecord)}
    values = {name: value for name, value in said.items() if name in known}
    values["reasons"] = tuple(said.get("reasons") or ())
    values["probed_at"] = str(said["probed_at"]) if said.get("probed_at") else ""
    return ProbeRecord(**values)
