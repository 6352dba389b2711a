"""Where a model is reached, and how long and how often we try.

Neither value takes part in a request's key: they change how we ask, not what is answered. Only
`Endpoint.mode` changes the bytes that are sent; a caller who sets it says so in `Request.wire`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import SecretStr

from extract.asking.providers import PROVIDERS, Provider, provider_named
from extract.keys import GATEWAY_VARIABLE

OPENAI_URL = PROVIDERS["openai"].base_url


@dataclass(frozen=True)
class Endpoint:
    """A model and the place where it answers.

    `provider` is a name that instructor knows, or "openai" for anything that speaks OpenAI's
    protocol; `model` is the name sent on the wire. A `mode` of None is chosen per provider.
    """

    provider: str
    model: str
    base_url: str | None
    api_key: SecretStr | None
    mode: str | None = None

    @cached_property
    def kind(self) -> Provider:
        """What is known of the provider."""
        return provider_named(self.provider)

    @property
    def url(self) -> str | None:
        """The address that is called; None where only an SDK knows it."""
        return self.base_url or self.kind.url

    @property
    def is_openai_protocol(self) -> bool:
        """True where we build the client ourselves, without instructor."""
        return self.kind.speaks_openai

    @property
    def is_openai_itself(self) -> bool:
        """True for api.openai.com, whose endpoints have ways that no copy has."""
        return self.provider == "openai" and self.url == OPENAI_URL

    @property
    def has_new_limit(self) -> bool:
        """True where the chat endpoint has renamed `max_tokens`."""
        return self.is_openai_itself or self.provider in ("azure_openai", "cerebras")

    @property
    def is_loopback(self) -> bool:
        """True where the model runs on this machine: no proxy, and no key needed."""
        host = urlsplit(self.url or "").hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def answer_mode(self) -> str:
        """How an answer is asked for.

        OpenAI's own Responses endpoint is the one that holds a model strictly to the schema;
        servers that copied the protocol (llama.cpp, vLLM, Ollama) constrain `json_schema`.
        """
        if self.mode is not None:
            return self.mode
        if self.provider == "openai" and not self.is_openai_itself:
            return "json_schema"
        return self.kind.modes[0]

    @property
    def key_variable(self) -> str:
        """The environment variable that people keep this provider's key in."""
        if self.base_url is not None or not self.kind.key_variables:
            return GATEWAY_VARIABLE
        return self.kind.key_variables[0]

    @property
    def place(self) -> str:
        """The provider in words, with the host where it is not the provider's own."""
        host = urlsplit(self.base_url or "").netloc.rpartition("@")[2]
        return f"{self.provider} at {host}" if host else self.provider

    def secret(self) -> str:
        """The key itself, empty where there is none."""
        return self.api_key.get_secret_value() if self.api_key else ""


@dataclass(frozen=True)
class Limits:
    """Time limits and retries.

    `total_timeout_s` is for one paper with all retries and re-asks, counted from its first call.
    `max_wait_s` is the longest that a provider may ask us to wait, `breaker` the number of papers
    that may fail in a row for a reason that is the provider's. `rpm` and `tpm` are requests and
    tokens a minute; None leaves the pace to what the provider's headers say.
    """

    call_timeout_s: float = 60
    total_timeout_s: float = 300
    max_attempts: int = 5
    max_wait_s: float = 120
    max_reasks: int = 1
    max_response_bytes: int = 8_000_000
    breaker: int = 8
    concurrency: int = 8
    rpm: int | None = None
    tpm: int | None = None
