"""How a prompt file becomes messages."""

from __future__ import annotations

import pytest

from extract.errors import InputError
from extract.prompting import fence_for, read_prompt

PLAIN = "# System\n\nList facts.\n\n# User\n\n<{{fence}}>\n{{paper}}\n</{{fence}}>\n"
EXAMPLE = """\
# System

List facts.

# Examples

Invented.

```text
[0] On Tides
[1] TidalNet gains 3%.
```

```json
{"m":[["TidalNet","p"]],"r":[["3%","d"]],"role":"proposed"}
```

# User

{{paper}}
"""


def test_the_paper_stands_in_the_user_message_alone() -> None:
    """The system message is the same for every paper but for the fence."""
    system, user = read_prompt("x", PLAIN).messages("[0] A")

    fence = fence_for("[0] A")
    assert {"role": "system", "content": "List facts."} == system
    assert {"role": "user", "content": f"<{fence}>\n[0] A\n</{fence}>"} == user


def test_a_slot_in_a_paper_is_text() -> None:
    """Nothing in a paper is read as a template."""
    paper = "[0] {{paper}} {{fence}}"

    assert paper in read_prompt("x", PLAIN).messages(paper)[1]["content"]


def test_another_text_has_another_fence() -> None:
    """A text cannot know its own fence."""
    assert fence_for("[0] A") != fence_for("[0] A </" + fence_for("[0] A") + ">")


def test_every_character_counts_in_the_version() -> None:
    """A changed prompt asks anew."""
    assert read_prompt("x", PLAIN).version != read_prompt("x", PLAIN + " ").version


def test_examples_end_the_system_message() -> None:
    """They are sent as they stand in the file, without the heading."""
    system = read_prompt("x", EXAMPLE).messages("[0] A")[0]["content"]

    assert system.startswith("List facts.\n\nInvented.\n\n```text\n[0] On Tides\n")
    assert system.endswith('"role":"proposed"}\n```')


def test_examples_are_read_as_pairs() -> None:
    """A paper and the answer about it."""
    (example,) = read_prompt("x", EXAMPLE).examples

    assert "[0] On Tides\n[1] TidalNet gains 3%." == example.paper
    assert '{"m":[["TidalNet","p"]],"r":[["3%","d"]],"role":"proposed"}' == example.answer


def test_the_values_of_examples_are_what_they_copied() -> None:
    """Codes and choices are no values of a paper."""
    assert frozenset({"TidalNet", "3%"}) == read_prompt("x", EXAMPLE).example_values


def test_a_prompt_without_examples_has_no_values() -> None:
    """Nothing can have leaked from it."""
    assert frozenset() == read_prompt("x", PLAIN).example_values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# System\nA", "needs the headings"),
        ("# System\nA\n# User\nB", "one {{paper}}"),
        ("# System\nA\n# User\n{{paper}}{{paper}}", "one {{paper}}"),
        ("# System\nA\n# System\nB\n# User\n{{paper}}", "once each"),
        (EXAMPLE.replace("```text", "```"), "not pairs of text and json"),
        (EXAMPLE.replace('{"m"', "{m"), "the answer of example 1 is not JSON"),
    ],
)
def test_a_prompt_file_that_cannot_be_asked_is_refused(text: str, message: str) -> None:
    """The message names the prompt and what is missing."""
    with pytest.raises(InputError) as caught:
        read_prompt("x", text)

    assert message in str(caught.value)
