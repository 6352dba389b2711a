"""Prices: those of genai-prices to the last digit, the user's own, and none where none is known."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.errors import InputError
from extract.models import find_model
from extract.money.own import own_prices
from extract.money.own import prices_of as table_prices
from extract.money.prices import _tariff, known_prices, prices_of
from extract.money.tariff import Rate, Tariff
from extract.money.words import dollars
from extract.tasks import load_task

TASK = load_task()
TOKENS = st.integers(0, 2_000_000)
RATES = st.builds(
    lambda base, tiers: Rate(base, tuple(sorted(tiers))),
    st.decimals("0", "100", places=4),
    st.lists(
        st.tuples(st.integers(1, 400_000), st.decimals("0", "100", places=4)),
        max_size=2,
        unique_by=lambda tier: tier[0],
    ),
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of the checkout's folder says anything of prices."""
    monkeypatch.chdir(tmp_path)


def test_every_priced_model_of_genai_prices_costs_what_it_says() -> None:
    """Over all providers: their calculator and ours agree to the last digit."""
    chance, moment = random.Random(7), datetime.now(UTC)
    every = [(p, m) for p in get_snapshot().providers for m in p.models]
    compared = tiered = 0
    for provider, model in chance.sample(every, 250):
        tariff = _tariff(model.get_prices(moment))
        if tariff is None:
            continue
        for most in (10_000, 500_000):
            tokens = chance.randint(0, most)
            cached, output = chance.randint(0, tokens), chance.randint(0, 10_000)
            usage = genai_prices.Usage(
                input_tokens=tokens, cache_read_tokens=cached, output_tokens=output
            )
            theirs = model.calc_price(usage, provider, genai_request_timestamp=moment)
            assert theirs.total_price == tariff.price(tokens, cached, output), model.id
        compared += 1
        tiered += bool(tariff.input.tiers)

    assert compared > 150
    assert tiered > 0


@pytest.mark.parametrize(
    ("name", "reference", "provider"),
    [
        ("openai/gpt-5-mini", "gpt-5-mini", "openai"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5", "anthropic"),
        ("google/gemini-2.5-flash", "gemini-2.5-flash", "google"),
        ("mistral/mistral-large-latest", "mistral-large-latest", "mistral"),
        ("groq/openai/gpt-oss-20b", "openai/gpt-oss-20b", "groq"),
        ("openrouter/openai/gpt-5-mini", "openai/gpt-5-mini", "openrouter"),
        ("deepseek/deepseek-chat", "deepseek-chat", "deepseek"),
    ],
)
def test_a_models_name_finds_its_price(name: str, reference: str, provider: str) -> None:
    """As the provider's own list has it, for one request of this size."""
    prices = prices_of(find_model(name, TASK))
    usage = genai_prices.Usage(input_tokens=3000, cache_read_tokens=1000, output_tokens=500)

    assert prices is not None
    expected = genai_prices.calc_price(usage, reference, provider_id=provider)
    assert expected.total_price == prices.now().price(3000, 1000, 500)
    assert prices.source.startswith("genai-prices ")


def test_a_gateway_is_known_by_its_address() -> None:
    """And a server of one's own by none."""
    groq = find_model("groq/openai/gpt-oss-20b", TASK, base_url="https://api.groq.com/openai/v1")

    assert prices_of(groq) is not None
    for url in ("http://127.0.0.1:8000/v1", "http://localhost/v1", "http://10.0.0.7/v1"):
        assert prices_of(find_model("openai/gpt-5-mini", TASK, base_url=url)) is None


@pytest.mark.parametrize("name", ["openai/no-such-model-at-all", "cerebras/gpt-5-mini"])
def test_an_unknown_model_has_no_price(name: str) -> None:
    """None, and never 0."""
    assert prices_of(find_model(name, TASK)) is None
    with pytest.raises(InputError, match=f"no price of {name}"):
        known_prices(find_model(name, TASK))


def test_a_model_that_is_priced_by_something_else_has_no_price() -> None:
    """Half a price would be less than what is billed."""
    every = {m.id: m for p in get_snapshot().providers for m in p.models}
    for model in every.values():
        prices = model.get_prices(datetime.now(UTC))
        if prices.output_mtok is None or getattr(prices, "output_reasoning_mtok", None):
            assert _tariff(prices) is None, model.id


def test_a_local_model_has_none() -> None:
    """It costs nothing, which is not a price."""
    assert prices_of(find_model(None, TASK)) is None


def test_own_prices_come_first(tmp_path: Path) -> None:
    """With the plain price for cached tokens where none is given."""
    Path("paperfacts.toml").write_text(
        '[prices."openai/gpt-5-mini"]\ninput = 2\noutput = 3.5\n'
        '[prices."mine"]\ninput = 0\ncached_input = 0\noutput = 0\n'
    )
    prices = prices_of(find_model("openai/gpt-5-mini", TASK))
    mine = prices_of(find_model("mine", TASK, base_url="http://127.0.0.1:1"))

    assert prices is not None and mine is not None
    assert Decimal("9.0") == prices.now().price(1_000_000, 400_000, 2_000_000)
    assert Decimal(0) == mine.now().price(1_000_000, 0, 1_000_000)
    assert {"openai/gpt-5-mini", "mine"} == own_prices().keys()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([], "prices is no table"),
        ({"m": 3}, 'prices."m" is no table'),
        ({"m": {"input": 1}}, 'prices."m".output is missing'),
        ({"m": {"input": 1, "output": -1}}, "is -1, which is no price"),
        ({"m": {"input": 1, "output": float("nan")}}, "which is no price"),
        ({"m": {"input": True, "output": 1}}, "is True, which is no number"),
        ({"m": {"input": "1", "output": 1}}, "which is no number"),
        ({"m": {"input": 1, "outputs": 1}}, 'prices."m".outputs is none of'),
    ],
)
def test_a_wrong_price_is_told(table: object, words: str) -> None:
    """Where it is, what is wrong, and what to write."""
    with pytest.raises(InputError) as raised:
        table_prices(table, "here.toml")

    assert str(raised.value).startswith("here.toml: ")
    assert words in str(raised.value)
    assert "input = 0.25" in raised.value.hint


@given(RATES, RATES, RATES, TOKENS, TOKENS, TOKENS, st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_nothing_costs_more_than_the_worst(
    input: Rate,
    output: Rate,
    cached: Rate,
    tokens: int,
    hits: int,
    out: int,
    less_in: float,
    less_out: float,
) -> None:
    """Fewer tokens, cached or not, in cheaper tiers or dearer ones."""
    tariff = Tariff(input, output, cached, Decimal("0.001"))
    price = tariff.price(int(tokens * less_in), hits, int(out * less_out))

    assert price <= tariff.worst(tokens, out)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "$0.00"),
        (Decimal("0.000749"), "$0.000749"),
        (0.0225, "$0.0225"),
        (0.4, "$0.400"),
        (1, "$1.00"),
        (1234.567, "$1,234.57"),
    ],
)
def test_amounts_in_words(amount: Decimal | float, words: str) -> None:
    """Three digits that say something, and cents from a dollar on."""
    assert words == dollars(amount)
