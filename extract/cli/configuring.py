"""`paperfacts config`: every setting and where it came from; and settings for other commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from extract.cli.options import AS_SET, NO_BOUNDS, Asking, Bounds, settled

if TYPE_CHECKING:
    from extract.models import Model
    from extract.settings import Settings
    from extract.task import Task


def show_config(
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    model: str | None = None,
    asking: Asking = AS_SET,
    bounds: Bounds = NO_BOUNDS,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Show every setting, its value, and where that came from.

    An option weighs most, then a variable (PAPERFACTS_MODEL), then paperfacts.toml in the current
    folder or above, then the one in the user's config folder. Keys are never shown, only whether
    one was found and where.

    Parameters
    ----------
    db
        As it would be given to `paperfacts run`; so are all the others.
    json_
        Print everything as JSON.
    """
    from extract.terminal import safe_text

    document = _document(settled(asking, bounds, db=db, model=model))
    if json_:
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        print("\n".join(safe_text(line) for line in _lines(document)))


def model_of(settings: Settings, *, trust_code: bool = False) -> Model:
    """Return the model that the settings name, for the task that they name."""
    from extract.tasks import load_task

    return model_for(load_task(settings.task, trust_code=trust_code), settings)


def model_for(task: Task, settings: Settings) -> Model:
    """Return the model that the settings name, for a task that was loaded."""
    from extract.models import find_model

    return find_model(
        settings.model,
        task,
        base_url=settings.base_url,
        mode=settings.mode,
        rpm=settings.rpm,
        tpm=settings.tpm,
    )


def _document(settings: Settings) -> dict[str, Any]:
    """Return everything as JSON says it."""
    from extract.configfile import config_files
    from extract.settings import SETTINGS, option_of, variable_of

    rows = []
    for name, setting in SETTINGS.items():
        value, origin = getattr(settings, name), settings.origins[name]
        rows.append(
            {
                "name": name,
                "value": str(value) if isinstance(value, Path) else value,
                "from": origin.kind,
                "place": origin.place,
                "variable": variable_of(name),
                "option": option_of(name),
                "words": setting.words,
            }
        )
    return {
        "schema_version": 1,
        "files": [str(file.path) for file in config_files()],
        "settings": rows,
        "prices": _priced(),
        "keys": _keys(settings),
    }


def _priced() -> list[dict[str, str]]:
    """Return the models that the files give prices for, and which file."""
    from extract.money.own import prices_of
    from extract.settings import price_tables

    return [
        {"model": name, "place": place}
        for table, place in price_tables()
        for name in prices_of(table, place)
    ]


def _keys(settings: Settings) -> list[dict[str, Any]]:
    """Return the keys that were found, and those that the model needs; never a key itself."""
    from extract.asking.providers import PROVIDERS
    from extract.keys import GATEWAY_VARIABLE, find_key

    provider = PROVIDERS.get((settings.model or "local/").partition("/")[0])
    needed = provider.key_variables[:1] if provider else ()
    if settings.base_url is not None:
        needed = (GATEWAY_VARIABLE,)
    variables = [name for each in PROVIDERS.values() for name in each.key_variables]
    rows = []
    for variable in dict.fromkeys([GATEWAY_VARIABLE, *variables]):
        key = find_key((variable,))
        if key is not None or variable in needed:
            place = key.place if key else ""
            rows.append({"name": variable, "is_set": key is not None, "place": place})
    return rows


def _lines(document: dict[str, Any]) -> list[str]:
    """Return everything as people read it."""
    shown = [[row["name"], _shown(row["value"]), _from(row)] for row in document["settings"]]
    widths = [max(len(row[i]) for row in shown) for i in (0, 1)]
    lines = [f"{n:<{widths[0]}}  {v:<{widths[1]}}  {origin}".rstrip() for n, v, origin in shown]
    lines.append("")
    lines += [f"price of {each['model']}  {each['place']}" for each in document["prices"]]
    for key in document["keys"]:
        lines.append(
            f"{key['name']}  {'set' if key['is_set'] else 'not set'}  {key['place']}".rstrip()
        )
    if not document["keys"]:
        lines.append("no key of a provider is set")
    files = document["files"]
    lines.append(f"files read: {', '.join(files)}" if files else "no paperfacts.toml was found")
    return lines


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _from(row: dict[str, Any]) -> str:
    return row["place"] or str(row["from"])
