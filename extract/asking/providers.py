"""The providers by name: where they are, where people keep their keys, how they are asked.

Names, addresses and variables are instructor's. Most of them speak OpenAI's protocol; those are
called with the one client, whatever SDK instructor would use, so that limits, retries and
redirects are ours. The others are asked through instructor and their own SDK.

`modes` are those that a provider takes, the one that is used unless another is forced first:

    responses      OpenAI's own endpoint, the one that is strict about the schema
    json_schema    where the server constrains the answer while it is written
    tools          where it does not, or not for every model: a forced function call
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

from extract.errors import InputError

MODES = ("tools", "json_schema", "responses")


@dataclass(frozen=True)
class Provider:
    """One provider. Without a `package` it speaks OpenAI's protocol.

    `key_variables` are the names that people keep its key under, the usual one first; a provider
    without any needs none (it runs here, or has credentials of its own). `url_variables` hold
    the address where each customer has another. `also` are packages that instructor needs beside
    the SDK, which bear the names of their modules.
    """

    name: str
    base_url: str | None = None
    key_variables: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("tools", "json_schema")
    package: str = ""
    module: str = ""
    also: tuple[str, ...] = ()
    url_variables: tuple[str, ...] = ()
    url_path: str = ""
    seed_name: str = "seed"
    temperature: float | None = 0.0
    """What is asked for where the user says nothing; None for an SDK that takes none."""

    @property
    def speaks_openai(self) -> bool:
        """True where the one client calls it."""
        return not self.package

    @cached_property
    def url(self) -> str | None:
        """Its address: the public one, or what the customer's variable says."""
        if not self.url_variables:
            return self.base_url
        found = next((v for name in self.url_variables if (v := os.environ.get(name))), None)
        if found is None:
            return None
        found = found.rstrip("/")
        return found if found.endswith(self.url_path) else found + self.url_path

    def check_installed(self) -> None:
        """Raise where the SDK that instructor needs for it is missing."""
        needed = {self.package: self.module} | {name: name for name in self.also}
        missing = [package for package, module in needed.items() if not _is_there(module)]
        if missing:
            raise InputError(
                f"{self.name} is asked through the package {missing[0]}, which is not installed",
                hint=f"Run: pip install {' '.join(missing)}",
            )


def _is_there(module: str) -> bool:
    """Say whether *module* can be imported; none always can."""
    try:
        return not module or find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


_ALL = (
    Provider(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        ("responses", "tools", "json_schema"),
    ),
    Provider("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
    Provider("deepseek", "https://api.deepseek.com", ("DEEPSEEK_API_KEY",), ("tools",)),
    Provider("groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    Provider("mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), seed_name="random_seed"),
    Provider("together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",)),
    Provider(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        ("json_schema", "tools"),
    ),
    Provider("cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    Provider("xai", "https://api.x.ai/v1", ("XAI_API_KEY",), ("json_schema", "tools")),
    Provider("perplexity", "https://api.perplexity.ai", ("PERPLEXITY_API_KEY",), ("json_schema",)),
    Provider("anyscale", "https://api.endpoints.anyscale.com/v1", ("ANYSCALE_API_KEY",)),
    Provider("ollama", "http://localhost:11434/v1", (), ("json_schema", "tools")),
    Provider(
        "databricks",
        None,
        ("DATABRICKS_TOKEN", "DATABRICKS_API_KEY"),
        url_variables=("DATABRICKS_BASE_URL", "DATABRICKS_HOST", "DATABRICKS_WORKSPACE_URL"),
        url_path="/serving-endpoints",
    ),
    Provider(
        "azure_openai",
        None,
        ("AZURE_OPENAI_API_KEY",),
        ("tools", "json_schema", "responses"),
        url_variables=("AZURE_OPENAI_ENDPOINT",),
        url_path="/openai/v1",
    ),
    Provider(
        "anthropic",
        None,
        ("ANTHROPIC_API_KEY",),
        package="anthropic",
        module="anthropic",
        temperature=None,
    ),
    Provider(
        "google",
        None,
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        package="google-genai",
        module="google.genai",
        also=("jsonref",),
    ),
    Provider(
        "generative-ai",
        None,
        ("GOOGLE_API_KEY",),
        package="google-genai",
        module="google.genai",
        also=("jsonref",),
    ),
    Provider(
        "gemini",
        None,
        ("GOOGLE_API_KEY",),
        ("tools",),
        package="google-generativeai",
        module="google.generativeai",
    ),
    Provider(
        "vertexai",
        package="google-cloud-aiplatform",
        module="vertexai",
        modes=("tools",),
        also=("jsonref",),
    ),
    Provider("cohere", None, ("COHERE_API_KEY", "CO_API_KEY"), package="cohere", module="cohere"),
    Provider(
        "writer", None, ("WRITER_API_KEY",), ("tools",), package="writer-sdk", module="writerai"
    ),
    Provider("bedrock", package="boto3", module="boto3", modes=("tools",)),
    Provider("litellm", package="litellm", module="litellm"),
)
PROVIDERS = {each.name: each for each in _ALL}


def provider_named(name: str) -> Provider:
    """Return the provider *name*; `InputError` where neither we nor instructor know it."""
    if name in PROVIDERS:
        return PROVIDERS[name]
    from instructor.v2.core.provider_specs import ALIAS_TO_PROVIDER, PROVIDER_SPECS

    if name in ALIAS_TO_PROVIDER:  # newer than this table
        module = PROVIDER_SPECS[ALIAS_TO_PROVIDER[name]].sdk_module or ""
        variable = f"{name.upper().replace('-', '_')}_API_KEY"
        return Provider(name, None, (variable,), package=module or name, module=module)
    near = difflib.get_close_matches(name, PROVIDERS, 1)
    known = f"Did you mean {near[0]}? " if near else ""
    raise InputError(
        f"no provider is called {name!r}",
        hint=f"{known}Known are: local, {', '.join(PROVIDERS)}. For a server of your own give"
        " --base-url.",
    )
