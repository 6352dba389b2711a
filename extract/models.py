"""From the name that a user gives to a model that can be asked.

    local/NAME         a registered model on this machine (`extract.local`), the default
    local/FOLDER       one with an adapter of the user's own (`paperfacts train`)
    PROVIDER/NAME      a hosted model, by instructor's provider names
    NAME + base_url    anything that speaks the OpenAI protocol

The default is the embedded model even where a key is in the environment: a key alone never
spends money. Not here: the calls (`extract.asking`) and the process (`extract.local`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from extract.baseurl import base_url_of, shown_url
from extract.calibration import Calibration, read_calibration
from extract.errors import InputError
from extract.local.prepared import served_id
from extract.local.registry import LocalModel, local_model, local_models
from extract.recipe import Recipe
from extract.request import Sampling
from extract.task import Task

if TYPE_CHECKING:
    from extract.asking import Endpoint, Limits
    from extract.asking.providers import Provider
    from extract.local.progress import Progress
    from extract.local.server import LocalServer
    from extract.local.settings import ServerSettings

DEFAULT = "local/qwen2.5-coder-0.5b"

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
MODES = ("tools", "json_schema", "responses")
TAKE_A_TEMPERATURE = ("gpt-3", "gpt-4", "chatgpt-4", "ft:gpt-3", "ft:gpt-4")


@dataclass(frozen=True)
class Model:
    """A model that was named: how to ask it, and how much text it takes."""

    name: str
    recipe: Recipe
    max_chars: int
    base_url: str | None = None
    rpm: int | None = None
    tpm: int | None = None

    @property
    def is_local(self) -> bool:
        """True for a model that runs in our own child process."""
        return self.name.startswith("local/") and self.base_url is None

    @property
    def describe(self) -> str:
        """One line for people: which model runs where, and of the default how to choose another."""
        if self.is_local:
            choose = "; choose with --model" if self.name == DEFAULT else ""
            return f"model {self.name} (embedded, runs on this machine{choose})"
        return f"model {self.name}" + (f" at {self.base_url}" if self.base_url else "")

    def server(self, progress: Progress, settings: ServerSettings | None = None) -> LocalServer:
        """Return the server of a local model, not yet started; fetches weights where needed."""
        from extract.local.serving import local_server

        return local_server(
            self.name.removeprefix("local/"),
            task=self.recipe.task.name,
            model_id=self.recipe.model_id,
            settings=settings,
            progress=progress,
        )

    @property
    def sent_name(self) -> str:
        """The name that is sent on the wire.

        A server of the user's own may call its models anything, slashes too; only the word
        `openai/` before a name is ours and says the protocol, or a provider's at its own address.
        """
        from extract.asking.providers import PROVIDERS

        provider, _, name = self.name.partition("/")
        known = PROVIDERS.get(provider)
        is_own = known is not None and known.base_url == (self.base_url or "").rstrip("/")
        if self.base_url is None or provider == "openai" or is_own:
            return name or provider
        return self.name

    def hosted_endpoint(self) -> Endpoint:
        """Return where a hosted model is reached; the key is the environment's or a keyring's."""
        from extract.asking import Endpoint
        from extract.keys import GATEWAY_VARIABLE, usable_key

        mode = self.recipe.mode or None
        if self.base_url is not None:
            key = usable_key((GATEWAY_VARIABLE,))
            secret = key.secret if key else None
            return Endpoint("openai", self.sent_name, self.base_url, secret, mode)
        provider = _usable_provider(self.name)
        key = usable_key(provider.key_variables)
        if key is None and provider.key_variables:
            variable = provider.key_variables[0]
            raise InputError(
                f"no key for {self.name}: {variable} is not set, and no keyring has it",
                hint=f"Run: export {variable}=..., or leave out --model to use the embedded model.",
            )
        return Endpoint(provider.name, self.sent_name, None, key.secret if key else None, mode)


def _usable_provider(name: str) -> Provider:
    """Return the provider of a model; `InputError` where its SDK or its address is missing."""
    from extract.asking.providers import provider_named

    provider = provider_named(name.partition("/")[0])
    provider.check_installed()
    if provider.url_variables and provider.url is None:
        raise InputError(
            f"no address for {name}: {provider.url_variables[0]} is not set",
            hint=f"Run: export {provider.url_variables[0]}=https://...",
        )
    return provider


def find_model(
    name: str | None,
    task: Task,
    *,
    base_url: str | None = None,
    mode: str | None = None,
    rpm: int | None = None,
    tpm: int | None = None,
) -> Model:
    """Return the model that *name* means for *task*; raise `InputError` for an unknown one.

    *rpm* and *tpm* are the requests and tokens a minute that a hosted model may be sent.
    """
    name = name or DEFAULT
    if base_url is not None:
        _check_url(base_url)
    if base_url is None and name.startswith("local/"):
        return _local(name, task)
    if base_url is None and "/" not in name:
        raise InputError(
            f"model {name!r} names no provider",
            hint="Write PROVIDER/NAME, local/NAME, or give --base-url for your own server.",
        )
    if mode is not None and mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", hint=f"Modes are: {', '.join(MODES)}.")
    temperature = 0.0 if base_url is not None else _temperature(name)
    sampling = Sampling(temperature=temperature, max_tokens=4096)
    recipe = Recipe(task, name, "", "json", mode or "", sampling)
    return Model(name, recipe, HOSTED_MAX_CHARS, base_url, rpm, tpm)


def _check_url(url: str) -> None:
    """Raise `InputError` where *url* is not the address of a server."""
    try:
        base_url_of(url)
    except ValueError as error:
        raise InputError(
            f"the base URL is {shown_url(url)!r}", hint=f"It should be {error}."
        ) from None


def _temperature(name: str) -> float | None:
    """Return the temperature that a hosted model is asked for, None where it takes none.

    OpenAI's models since o1 refuse any but their own, with an error for every paper.
    """
    from extract.asking.providers import provider_named

    provider, _, model = name.partition("/")
    known = provider_named(provider)
    if provider in ("openai", "azure_openai") and not model.startswith(TAKE_A_TEMPERATURE):
        return None
    return known.temperature


def _local(name: str, task: Task) -> Model:
    """Return a registered local model; one with an adapter for the task has its own prompt."""
    short = name.removeprefix("local/")
    registered = local_model(short)
    adapter = registered.adapter_for(task.name)
    style = "tuned" if adapter and "tuned" in task.prompts else "compact"
    extra: tuple[tuple[str, Any], ...] = NO_LOOPS + WITH_PROBABILITIES
    if adapter and adapter.logit_bias:
        extra += (("logit_bias", tuple(adapter.logit_bias.items())),)
    sampling = Sampling(temperature=0.0, max_tokens=LOCAL_MAX_TOKENS, extra=extra)
    model_id = served_id(registered, task.name)
    curves = curves_for(model_id, task.name)
    recipe = Recipe(task, name, model_id, style, "", sampling, calibration=curves)
    if short != registered.name:
        recipe = _of_own_adapter(recipe, short, registered)
    return Model(name, recipe, LOCAL_MAX_CHARS)


def curves_for(model_id: str, task: str) -> Calibration:
    """Return the curves of the model that an answer came from; empty where it has none here."""
    for model in local_models().values():
        adapter = model.adapter_for(task)
        ids = (model.model_id(task), model.model_id(task, merged=True))
        if adapter and adapter.calibration_path and model_id in ids:
            return read_calibration(adapter.calibration_path)
    return {}


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
    """Return the time limits of a model: a local one is slower, and one process answers in turn."""
    from extract.asking import Limits

    if model.is_local:
        return Limits(
            call_timeout_s=300,
            total_timeout_s=600,
            max_attempts=2,
            max_reasks=0,
            concurrency=concurrency or 1,
        )
    return Limits(concurrency=concurrency or 8, rpm=model.rpm, tpm=model.tpm)
