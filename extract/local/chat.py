"""How a conversation becomes the text that a model reads, by the name in the registry.

    chatml    llama.cpp has it from the weights' own file
    gemma     no system role: what the system says comes first in the user's turn. The file of
              a base model carries no template, so the server is given ours

Training renders with the same words, so that a model is asked as it was trained: for every base,
`tests/test_local_chat.py` compares the tokens with those that llama.cpp makes of the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from extract.errors import ModelError


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """The marks of a conversation; `{role}` and `{content}` stand for what they say.

    `begin` is what llama.cpp puts before the text by itself. `template` is given to the server
    where the weights' file has none.
    """

    turn: str
    answer: str
    end: str
    begin: str = ""
    has_system_role: bool = True
    template: str = ""

    def prompt(self, messages: Sequence[dict[str, str]]) -> str:
        """Return the text that ends where the answer begins."""
        turns = [(each["role"], each["content"]) for each in messages]
        if not self.has_system_role and turns[0][0] == "system":
            (_, system), (role, content), *others = turns
            turns = [(role, f"{system}\n\n{content}"), *others]
        text = "".join(self.turn.format(role=role, content=content) for role, content in turns)
        return self.begin + text + self.answer


GEMMA = (
    "{%- set said = namespace(before='') -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}"
    "{%- set said.before = message['content'] + '\n\n' -%}"
    "{%- else -%}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role'])"
    " + '\n' + said.before + message['content'] + '<end_of_turn>\n' }}"
    "{%- set said.before = '' -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)

FORMATS = {
    "chatml": ChatFormat(
        turn="<|im_start|>{role}\n{content}<|im_end|>\n",
        answer="<|im_start|>assistant\n",
        end="<|im_end|>",
    ),
    "gemma": ChatFormat(
        turn="<start_of_turn>{role}\n{content}<end_of_turn>\n",
        answer="<start_of_turn>model\n",
        end="<end_of_turn>",
        begin="<bos>",
        has_system_role=False,
        template=GEMMA,
    ),
}


def chat_format(name: str) -> ChatFormat:
    """Return the format that goes by *name* in the registry."""
    if name not in FORMATS:
        raise ModelError(f"there is no chat format {name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[name]
