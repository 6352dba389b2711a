"""How good an adapter is on the papers that it was not trained on.

They are asked as a run would ask: the same prompt, grammar and server, with the adapter beside
the base. A paper whose answer cannot be used counts as empty in the figures and is named.

Not here: what the figures mean (`extract.evaluation`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from extract.evaluation import evaluate, evaluation_document
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.models import LOCAL_MAX_TOKENS, NO_LOOPS
from extract.recipe import Recipe, answer_rows
from extract.request import Sampling
from extract.shown import show
from extract.task import Task
from extract.training.examples import Annotation, as_paper

Told = Callable[[dict[str, Any]], None]


def dev_figures(
    task: Task, held_out: Sequence[Annotation], server: LocalServer, report: Told
) -> dict[str, Any]:
    """Return the evaluation of the served model on *held_out*, and the papers that failed."""
    with server:
        answers, failed = asyncio.run(_answers(task, held_out, server, report))
    gold = {str(annotation["id"]): annotation for annotation in held_out}
    return evaluation_document(evaluate(gold, answers, task)) | {"failed": failed}


def adapted_server(
    weights: Path,
    adapter: Path,
    *,
    threads: int,
    chat_template: str = "",
    model_name: str = "adapted",
) -> LocalServer:
    """Return a server, not yet started, of the base with a freshly trained adapter."""
    settings = ServerSettings(
        threads=threads, adapters=(Adapter(adapter),), chat_template=chat_template
    )
    return LocalServer(weights, model_name=model_name, settings=settings)


async def _answers(
    task: Task, held_out: Sequence[Annotation], server: LocalServer, report: Told
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """Return the answers by paper, and for the papers without one the reason."""
    from pydantic import SecretStr

    from extract.asking import Asked, Asker, Endpoint, Limits

    sampling = Sampling(temperature=0.0, max_tokens=LOCAL_MAX_TOKENS, extra=NO_LOOPS)
    recipe = Recipe(task, server.model_name, "", "tuned", "", sampling)
    endpoint = Endpoint("openai", server.model_name, server.base_url, SecretStr(server.api_key))
    limits = Limits(call_timeout_s=300, total_timeout_s=600, max_reasks=0, concurrency=1)
    answers: dict[str, Mapping[str, Any]] = {}
    failed: dict[str, str] = {}
    async with Asker(endpoint, limits) as asker:
        for number, annotation in enumerate(held_out, 1):
            shown = show(as_paper(annotation))
            asked = await asker.ask(recipe.request(shown), partial(recipe.answer, shown=shown))
            paper_id = str(annotation["id"])
            if isinstance(asked, Asked):
                spans = [[s.origins[0], s.origins[-1]] for s in shown.sentences[1:]]
                answers[paper_id] = answer_rows(asked.answer) | {"sentences": spans}
            else:
                failed[paper_id] = f"{asked.failure_class}: {asked.message}"
            report({"held_out": number, "of": len(held_out)})
    return answers, failed
