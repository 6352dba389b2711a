"""What is found in llama.cpp's stderr."""

from extract.local.complaints import complaints, grammar_complaints

CUT_FILE = """\
0.00.026.872 E llama_model_load: error loading model: tensor 'blk.16.ffn_down.weight' data is \
not within the file bounds, model is corrupted or incomplete
0.00.026.903 E llama_model_load_from_file_impl: failed to load model
0.00.026.944 E common_fit_params: encountered an error while trying to fit params to free \
device memory: failed to load model
0.00.040.318 E cmn  common_init_: failed to load model '/tmp/cut.gguf'
0.00.040.778 E srv          init: exiting due to model loading error
Traceback (most recent call last):
  File "child.py", line 1, in <module>
RuntimeError: Failed to init server, please check the input params.
"""

BROKEN_GRAMMAR = """\
0.01.613.185 E llg error: at 2(8): unknown name: "BROKEN"
   1 | %llguidance {}
   2 | start: BROKEN "x"
              ^
"""


def test_the_cause_is_told_without_its_consequences():
    """Of eight lines about a cut file one says what is wrong with it."""
    actual = complaints(CUT_FILE)

    assert actual == (
        "error loading model: tensor 'blk.16.ffn_down.weight' data is not within the file "
        "bounds, model is corrupted or incomplete"
    )


def test_a_failed_assertion_is_a_reason():
    """Native code that aborts writes no log line."""
    actual = complaints("/src/ggml.c:3: GGML_ASSERT(a != NULL) failed\n")

    assert actual == "/src/ggml.c:3: GGML_ASSERT(a != NULL) failed"


def test_silence_is_no_reason():
    """A process killed from outside has nothing to say."""
    assert complaints("0.00.1 I srv init: listening\n") == ""


def test_a_dropped_grammar_is_found():
    """The only sign of it is on stderr; the answer is a normal 200."""
    assert grammar_complaints(BROKEN_GRAMMAR) == ['at 2(8): unknown name: "BROKEN"']


def test_a_dropped_grammar_is_not_why_a_process_died():
    """It stands in the log of a process that went on."""
    assert complaints(BROKEN_GRAMMAR) == ""


def test_a_schema_that_was_only_half_kept_to_is_found():
    """A pattern that cannot be expressed is left out, with a warning on stderr."""
    actual = grammar_complaints(
        "WARNING: JSON schema conversion was incomplete: pattern (?=x)y is not supported\n"
    )

    assert actual == ["pattern (?=x)y is not supported"]
