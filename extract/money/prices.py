"""From a model to what its tokens cost now.

The user's own prices come first, then those that ship with genai-prices: they are as old as its
installed version, and nothing is fetched. Its own calculator takes milliseconds for a call, so
its prices are read once and multiplied here; a test compares the two over all of its models.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from extract.errors import InputError
from extract.models import Model
from extract.money.own import own_prices
from extract.money.tariff import Rate, Tariff

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

_PROVIDERS = {
    "azure_openai": "azure",
    "bedrock": "aws",
    "vertexai": "google",
    "xai": "x-ai",
}
"""Providers that instructor and genai-prices call by different names."""

# What our requests are made of, and what they never hold. A price of anything else (reasoning
# apart, characters, hours) would be left out of the sum, so such a model has no known price.
_READ = {"input_mtok", "output_mtok", "cache_read_mtok", "requests_kcount"}
_UNUSED = {
    "web_searches_kcount",
    "storage_searches_kcount",
    *(f"{way}_{what}_mtok" for way in ("input", "output") for what in ("audio", "image", "video")),
    *(f"cache_{what}_read_mtok" for what in ("audio", "image", "video")),
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "input_document_kpages",
    "input_annotated_document_kpages",
}
LOOKING_AHEAD = timedelta(minutes=10)
"""A call may be billed when it ends: some prices depend on the hour."""


@dataclass(frozen=True)
class Prices:
    """The prices of one model; `at` gives the tariff of a moment, None where there is none."""

    source: str
    at: Callable[[datetime], Tariff | None]

    def now(self) -> Tariff:
        """Return what tokens cost now."""
        found = self.at(datetime.now(UTC))
        assert found is not None, "prices without a tariff are not known prices"
        return found

    def worst(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return the most that a call made now can cost."""
        moment = datetime.now(UTC)
        tariffs = {self.at(moment), self.at(moment + LOOKING_AHEAD)} - {None}
        return max(each.worst(input_tokens, output_tokens) for each in tariffs if each)


def prices_of(model: Model) -> Prices | None:
    """Return what *model* costs; None where that is not known, and for a local model."""
    if model.is_local:
        return None
    if (own := own_prices().get(model.name)) is not None:
        return Prices("paperfacts.toml", lambda moment: own)
    return _listed(model)


def known_prices(model: Model) -> Prices:
    """Return what *model* costs; `InputError` where that is not known."""
    if (found := prices_of(model)) is not None:
        return found
    # A TOML string as JSON writes it: the two agree on quotes.
    raise InputError(
        f"no price of {model.name} is known, so no budget can be kept",
        hint=f"Give it in paperfacts.toml: [prices.{json.dumps(model.name)}] with input = and"
        " output =, in dollars for a million tokens; 0 where it costs nothing.",
    )


def _listed(model: Model) -> Prices | None:
    """Return the prices of genai-prices; a server of the user's own is in no list."""
    where = _place(model)
    if where is None:
        return None
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    reference, provider, url = where
    try:
        _, found = get_snapshot().find_provider_model(reference, None, provider, url)
    except LookupError:
        return None
    tariffs: dict[int, Tariff | None] = {}

    def at(moment: datetime) -> Tariff | None:
        prices = found.get_prices(moment)
        if id(prices) not in tariffs:
            tariffs[id(prices)] = _tariff(prices)
        return tariffs[id(prices)]

    is_known = at(datetime.now(UTC)) is not None
    return Prices(f"genai-prices {genai_prices.__version__}", at) if is_known else None


def _place(model: Model) -> tuple[str, str | None, str | None] | None:
    """Return how genai-prices names a model: its reference, and a provider or a URL."""
    provider, _, name = model.name.partition("/")
    if model.base_url is None:
        return name, _PROVIDERS.get(provider, provider), None
    host = urlsplit(model.base_url).hostname or ""
    if "." not in host or host.replace(".", "").isdigit():
        return None
    return model.sent_name, None, model.base_url


def _tariff(prices: ModelPrice) -> Tariff | None:
    """Return the tariff of text in and text out; None where a part of it is not known."""
    given: dict[str, Any] = {k: v for k, v in vars(prices).items() if v is not None}
    if given.keys() - _READ - _UNUSED or not {"input_mtok", "output_mtok"} <= given.keys():
        return None
    return Tariff(
        input=_rate(given["input_mtok"]),
        output=_rate(given["output_mtok"]),
        cached=_rate(given.get("cache_read_mtok", given["input_mtok"])),
        request=Decimal(given.get("requests_kcount", 0)) / 1000,
    )


def _rate(value: Any) -> Rate:
    """Return a price of genai-prices, plain or in tiers, as a rate."""
    if isinstance(value, Decimal):
        return Rate(value)
    return Rate(value.base, tuple((tier.start, tier.price) for tier in value.tiers))
