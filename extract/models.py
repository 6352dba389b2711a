"""From the name that a user gives to a model that can be asked.

    local/NAME         a registered model on this machine (`extract.local`), the default
    local/FOLDER       one with an adapter of the user's own (`paperfacts train`)
    PROVIDER/NAME      a hosted model, by instructor's provider names
    NAME + base_url    anything that speaks the OpenAI protocol

The default is the embedded model even where a key is in the environment: a key alone never
spends money. Not here: the calls (`extract.asking`) and the process (`extract.local`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from extract.calibration import Calibration, read_calibration
from extract.errors import InputError
from extract.local.prepared import served_id
from extract.local.registry import LocalModel, local_model
from extract.recipe import Recipe
from extract.request import Sampling
from extract.task import Task

if TYPE_CHECKING:
    from extract.asking import Endpoint, Limits
    from extract.local.progress import Progress
    from extract.local.server import LocalServer

DEFAULT = "local/smollm2-135m"

LOCAL_MAX_TOKENS = 1500
# A small model that has named a thing likes to name it again until the list is full. DRY makes
# the second repetition of a whole row unlikely; the prompt lies outside its window, so copying
# long names from it stays free.
NO_LOOPS = (
    ("dry_multiplier", 0.8),
    ("dry_base", 1.75),
    ("dry_allowed_length", 12),
    ("dry_penalty_last_n", 192),
    ("dry_sequence_breakers", ("\n",)),
)
# The probabilities of the tokens become the confidence of the records (`extract.confidence`);
# a walk chooses between a letter per choice and "none", and most schemas have few choices.
WITH_PROBABILITIES = (("logprobs", True), ("top_logprobs", 8))
LOCAL_MAX_CHARS = 9_000
"""Characters of a paper that fit a local model's 4,096 tokens beside its answer."""
HOSTED_MAX_CHARS = 200_000


@dataclass(frozen=True)
class Model:
    """A model that was named: how to ask it, and how much text it takes."""

    name: str
    recipe: Recipe
    max_chars: int
    base_url: str | None = None

    @property
    def is_local(self) -> bool:
        """True for a model that runs in our own child process."""
        return self.name.startswith("local/") and self.base_url is None

    @property
    def describe(self) -> str:
        """One line for people: which model runs, and how to choose."""
        if self.is_local:
            return f"model {self.name} (embedded, runs on this machine; choose with --model)"
        where = f" at {self.base_url}" if self.base_url else ""
        return f"model {self.name}{where} (choose with --model)"

    def server(self, progress: Progress) -> LocalServer:
        """Return the server of a local model, not yet started; fetches weights where needed."""
        from extract.local.serving import local_server

        return local_server(
            self.name.removeprefix("local/"),
            task=self.recipe.task.name,
            model_id=self.recipe.model_id,
            progress=progress,
        )

    def hosted_endpoint(self) -> Endpoint:
        """Return where a hosted model is reached; the key comes from the environment."""
        from pydantic import SecretStr

        from extract.asking import Endpoint

        provider, _, name = self.name.partition("/")
        if self.base_url is not None:
            # A gateway's key has a name of its own: the provider's key is not sent to a stranger.
            key = os.environ.get("PAPERFACTS_API_KEY")
            secret = SecretStr(key) if key else None
            return Endpoint(
                "openai", name or provider, self.base_url, secret, self.recipe.mode or None
            )
        endpoint = Endpoint(provider, name, None, None, self.recipe.mode or None)
        key = os.environ.get(endpoint.key_variable)
        if not key:
            raise InputError(
                f"no key for {self.name}: {endpoint.key_variable} is not set",
                hint=f"Run: export {endpoint.key_variable}=..., or leave out --model to use the"
                " embedded model.",
            )
        return Endpoint(provider, name, None, SecretStr(key), self.recipe.mode or None)


def find_model(
    name: str | None, task: Task, *, base_url: str | None = None, mode: str | None = None
) -> Model:
    """Return the model that *name* means for *task*; raise `InputError` for an unknown one."""
    name = name or DEFAULT
    if base_url is None and name.startswith("local/"):
        return _local(name, task)
    if base_url is None and "/" not in name:
        raise InputError(
            f"model {name!r} names no provider",
            hint="Write PROVIDER/NAME, local/NAME, or give --base-url for your own server.",
        )
    sampling = Sampling(temperature=0.0, max_tokens=4096)
    recipe = Recipe(task, name, "", "json", mode or "", sampling)
    return Model(name, recipe, HOSTED_MAX_CHARS, base_url)


def _local(name: str, task: Task) -> Model:
    """Return a registered local model; one with an adapter for the task has its own prompt."""
    short = name.removeprefix("local/")
    registered = local_model(short)
    adapter = registered.adapter_for(task.name)
    style = "tuned" if adapter and "tuned" in task.prompts else "compact"
    extra: tuple[tuple[str, Any], ...] = NO_LOOPS + WITH_PROBABILITIES
    curves: Calibration = {}
    if adapter and adapter.logit_bias:
        extra += (("logit_bias", tuple(adapter.logit_bias.items())),)
    if adapter and adapter.calibration_path:
        curves = read_calibration(adapter.calibration_path)
    sampling = Sampling(temperature=0.0, max_tokens=LOCAL_MAX_TOKENS, extra=extra)
    recipe = Recipe(
        task, name, served_id(registered, task.name), style, "", sampling, calibration=curves
    )
    if short != registered.name:
        recipe = _of_own_adapter(recipe, short, registered)
    return Model(name, recipe, LOCAL_MAX_CHARS)


def _of_own_adapter(recipe: Recipe, short: str, registered: LocalModel) -> Recipe:
    """Return the recipe of a user's adapter: named by its hash, wherever its folder lies."""
    from extract.local.trained import check_trained_for

    check_trained_for(short, recipe.task.version, recipe.prompt.version)
    assert registered.adapter is not None
    named = f"local/{registered.name}+{registered.adapter.sha256[:8]}"
    return replace(recipe, model=named)


def local_endpoint(server: LocalServer) -> Endpoint:
    """Return where a running local server is reached."""
    from pydantic import SecretStr

    from extract.asking import Endpoint

    return Endpoint("openai", server.model_name, server.base_url, SecretStr(server.api_key))


def limits_for(model: Model, concurrency: int | None) -> Limits:
    """Return the time limits of a model: a local one is slower, and answers one at a time."""
    from extract.asking import Limits

    if model.is_local:
        return Limits(
            call_timeout_s=300,
            total_timeout_s=600,
            max_attempts=2,
            max_reasks=0,
            concurrency=concurrency or 1,
        )
    return Limits(concurrency=concurrency or 8)
