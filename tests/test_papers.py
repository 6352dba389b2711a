"""What a paper is called, and which of its characters are stored."""

import dataclasses

import pytest

from extract.papers import Paper, name_paper, normal_id, normal_ids, storable


def test_a_paper_cannot_be_changed():
    """A paper is a value."""
    paper = Paper("sha:0", "Brackish", "We propose Brackish.")

    with pytest.raises(dataclasses.FrozenInstanceError):
        paper.title = "Salt"


@pytest.mark.parametrize(
    ("text", "stored", "replaced"),
    [
        ("plain \\% ~ text", "plain \\% ~ text", 0),
        ("tab\tand\nline", "tab\tand\nline", 0),
        ("\u200bﬁ İ ² \u00a0x", "\u200bﬁ İ ² \u00a0x", 0),
        ("a\x00b\x1bc\x7fd\x85e\ud800f", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf", 5),
        ("  \n Kaggle's abstract.\n", "Kaggle's abstract.", 0),
        ("one\r\ntwo\rthree", "one\ntwo\nthree", 0),
    ],
)
def test_only_what_no_table_can_hold_is_replaced(text, stored, replaced):
    """Control characters and lone surrogates become U+FFFD and are counted; the rest stays."""
    assert storable(text) == (stored, replaced)


@pytest.mark.parametrize(
    ("scheme", "written", "normal"),
    [
        ("doi", "https://doi.org/10.1000/ABC.1", "10.1000/abc.1"),
        ("doi", "doi: 10.1000/abc", "10.1000/abc"),
        ("doi", "http://dx.doi.org/10.1000/abc", "10.1000/abc"),
        ("doi", "11.1000/abc", None),
        ("doi", "see journal", None),
        ("arxiv", "2401.00001v3", "2401.00001"),
        ("arxiv", "arXiv:2401.00001", "2401.00001"),
        ("arxiv", "oai:arXiv.org:2401.00001v1", "2401.00001"),
        ("arxiv", "https://arxiv.org/pdf/2401.00001v2.pdf", "2401.00001"),
        ("arxiv", "math.AG/9901001v1", "math.AG/9901001"),
        ("arxiv", "2401.1", None),
        ("pmid", "https://pubmed.ncbi.nlm.nih.gov/123/", "123"),
        ("pmid", "PMC", None),
        ("s2", " 00ff ", "00ff"),
        ("s2", "  ", None),
    ],
)
def test_an_id_has_one_way_to_be_written(scheme, written, normal):
    """Addresses, prefixes, versions and capitals make no other id."""
    assert normal_id(scheme, written) == normal


def test_the_doi_of_an_arxiv_paper_is_its_arxiv_id():
    """arXiv registers a DOI for each of its papers, which says no more than the id."""
    actual = normal_ids(("doi", "10.48550/arXiv.2401.00001"), ("arxiv", "2401.00001v2"))

    assert actual == (("arxiv", "2401.00001"),)


def test_what_is_no_id_is_left_out():
    """Nothing, booleans, lists and texts that are no id of their scheme give none."""
    assert normal_ids(("doi", None), ("doi", True), ("pmid", 7), ("arxiv", ["x"])) == (
        ("pmid", "7"),
    )


def test_the_first_id_names_a_paper():
    """The readers put the id first that names it."""
    assert name_paper((("doi", "10.1/x"), ("arxiv", "2401.00001")), "T", "A") == "doi:10.1/x"


def test_a_paper_without_an_id_is_named_by_its_text():
    """The same text has the same name, another title or another cut has another."""
    assert name_paper((), "T", "A") == "sha:e9e80f122aaf0f59"
    assert name_paper((), "T", "A") != name_paper((), "TA", "")
