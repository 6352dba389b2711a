"""The text of a conversation: what training reads is what llama.cpp sends to the model."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from typing import Any

import pytest

from extract.errors import ModelError
from extract.local.chat import FORMATS, chat_format
from extract.local.registry import local_model, local_models
from extract.local.server import LocalServer
from extract.local.settings import ServerSettings
from extract.local.weights import find_weights

MESSAGES = [
    {"role": "system", "content": "List the methods."},
    {"role": "user", "content": "[0] On  Trees\n[1] We use {BERT} — it has 93.1 % of F1."},
]


def test_every_registered_model_has_a_format_that_is_known():
    """A base without one could be neither asked nor trained."""
    assert {model.chat_template for model in local_models().values()} <= FORMATS.keys()

    with pytest.raises(ModelError, match=r"no chat format 'alpaca'; known are chatml, gemma"):
        chat_format("alpaca")


def test_the_system_has_a_turn_of_its_own_in_chatml():
    """The default model is asked so."""
    assert chat_format("chatml").prompt(MESSAGES) == (
        "<|im_start|>system\nList the methods.<|im_end|>\n"
        "<|im_start|>user\n[0] On  Trees\n[1] We use {BERT} — it has 93.1 % of F1.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_what_the_system_says_comes_before_the_user_in_gemma():
    """It has no system role; nothing is lost."""
    assert chat_format("gemma").prompt(MESSAGES) == (
        "<bos><start_of_turn>user\nList the methods.\n\n"
        "[0] On  Trees\n[1] We use {BERT} — it has 93.1 % of F1.<end_of_turn>\n"
        "<start_of_turn>model\n"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_the_server_is_given_the_words_that_training_reads(name: str):
    """Where the weights' file has no template, ours says the same as the format."""
    chat = chat_format(name)
    if not chat.template:
        assert name == "chatml"  # each registered file of this format has its own
        return
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment(keep_trailing_newline=True).from_string(chat.template)

    assert chat.begin + template.render(messages=MESSAGES, add_generation_prompt=True) == (
        chat.prompt(MESSAGES)
    )


def asked(server: LocalServer, path: str, body: dict[str, Any]) -> Any:
    """What llama.cpp answers to *body*."""
    request = urllib.request.Request(
        f"{server.base_url.removesuffix('/v1')}/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
@pytest.mark.parametrize("name", ["smollm2-135m", "gemma-3-270m", "qwen2.5-coder-0.5b"])
def test_llama_cpp_reads_the_tokens_that_are_trained_on(name: str):
    """Token by token, its template and its tokeniser against ours."""
    for needed in ("torch", "transformers", "gguf", "xllamacpp"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    model = local_model(name)
    weights = find_weights(model)
    if weights is None:
        pytest.skip(f"the weights of {name} are not here")
    from extract.training.lora import load_tokenizer

    chat = chat_format(model.chat_template)
    settings = ServerSettings(context_per_slot=512, slots=1, chat_template=chat.template)
    with LocalServer(weights, settings=settings) as server:
        text = asked(server, "apply-template", {"messages": MESSAGES})["prompt"]
        read = {"content": text, "add_special": True, "parse_special": True}
        prompt = asked(server, "tokenize", read)["tokens"]
        written = {"content": chat.end, "add_special": False, "parse_special": True}
        end = asked(server, "tokenize", written)["tokens"]
        answer = asked(
            server,
            "v1/chat/completions",
            {"messages": MESSAGES, "grammar": 'root ::= "x"', "max_tokens": 5},
        )
    tokenizer = load_tokenizer(weights)

    trained = tokenizer(chat.prompt(MESSAGES), add_special_tokens=False)["input_ids"]
    assert trained == prompt
    assert answer["usage"]["prompt_tokens"] == len(trained)
    assert tokenizer(chat.end, add_special_tokens=False)["input_ids"] == end
    assert len(end) == 1
    assert answer["choices"][0]["message"]["content"] == "x"
    assert answer["choices"][0]["finish_reason"] == "stop"
