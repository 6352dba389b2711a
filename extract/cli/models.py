"""`paperfacts models`: which local models there are."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter


def list_models(*, json_: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """List the local models: size, licence, and whether an adapter for a task ships with it.

    Parameters
    ----------
    json_
        Print as JSON.
    """
    from extract.local.folders import models_cache
    from extract.local.registry import local_models
    from extract.local.trained import trained_rows
    from extract.local.weights import cached_path
    from extract.models import DEFAULT

    folder = models_cache()
    rows = [
        {
            "model": f"local/{m.name}",
            "default": DEFAULT == f"local/{m.name}",
            "title": m.title,
            "megabytes": round(m.bytes / 1e6),
            "adapter": f"{m.adapter.for_task} ({m.adapter.bytes / 1e6:.0f} MB)"
            if m.adapter
            else None,
            "licence": m.licence,
            "sha256": m.sha256,
            "fetched": cached_path(m).is_file(),
        }
        for m in local_models().values()
    ] + trained_rows()
    if json_:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        marks = [f"{row['megabytes']} MB", str(row["licence"])]
        marks += [f"adapter for {row['adapter']}"] if row["adapter"] else []
        marks += ["default"] if row["default"] else []
        marks += ["fetched"] if row["fetched"] else []
        print(f"{row['model']:<28} {row['title']}: {', '.join(marks)}")
    print("\nYour own adapters: --model local/FOLDER; see docs/training.md")
    print("Weights are fetched on first use, compared with their hash, and kept in", folder)
