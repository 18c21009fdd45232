"""Patterns of foreign schemas: they mean what ECMA-262 says, and none of them can hang the process."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sangdam.tools.external.patterns import Steps, TooLong, Untaken, compiled


def found(source: str, text: str, steps: int = 1_000_000) -> bool:
    return compiled(source).found_in(text, Steps(steps))


@pytest.mark.parametrize(
    ("source", "yes", "no"),
    [
        (r"^\d{5}$", "06236", "0623"),
        (r"^\d{5}$", "06236", "06236\n"),  # Python's `$` would let this through
        (r"^\d+$", "12", "１２"),  # \d is ASCII
        (r"^[가-힣]{2,4}$", "김하늘", "김"),
        (r"^01[016789]-?\d{3,4}-?\d{4}$", "010-0000-1234", "012-0000-1234"),
        (r"colou?r", "the colour", "the colr"),
        (r"^(cat|dog|)$", "", "cow"),
        (r"^[^a-c\]]+$", "xyz", "x]"),
        (r"^[\w.-]+@[a-z]+\.com$", "a.b-c@shop.com", "a b@shop.com"),
        (r"^\u0041\x42$", "AB", "ab"),
        (r"^a{2}$", "aa", "aaa"),
        (r"^a{2,}?$", "aaaa", "a"),
        (r"^(?:ab)*c$", "ababc", "abac"),
        (r"^.$", "한", "\n"),
        (r"^[-+]?\d$", "+1", "*1"),
        (r"a|^b$", "cab", "bb"),
        (r"^[\s\S]*$", "", None),
        (r"\/\-\$", "/-$", "/-"),
        (r"^(a+)+$", "aaaa", "aaab"),
        (r"", "anything", None),
    ],
)
def test_a_pattern_means_what_it_says(source: str, yes: str, no: str | None) -> None:
    assert found(source, yes)
    assert no is None or not found(source, no)


@pytest.mark.parametrize(
    "source",
    [
        r"(?=a)", r"(?!a)", r"(?<=a)b", r"(?<n>a)", r"(a)\1", r"\bword\b", r"\p{L}", r"\k<n>", "(", ")", "[", "a**", "*a", "a{2,1}", "a{,3}", "a{9999}", "[z-a]",
        r"[\d-z]", r"\u12", "\\", "(" * 30 + ")" * 30, "a" * 600, "(a{200}){200}", r"\ud83d", "^*",
    ],
)  # fmt: skip
def test_what_needs_backtracking_or_is_malformed_is_not_taken(source: str) -> None:
    with pytest.raises(Untaken):
        compiled(source)


@pytest.mark.parametrize("source", [r"^(a+)+$", r"^(a|a)*$", r"^(a|aa)+$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(.*)*(.*)*(.*)*Z"])  # fmt: skip
def test_what_hangs_a_backtracking_engine_takes_linear_time(source: str) -> None:
    """Steps are counted, not seconds: twice the text, about twice the steps."""
    spent: list[int] = []
    for size in (200, 400, 800):
        steps = Steps(1_000_000)
        assert not compiled(source).found_in("a" * size + "!", steps)
        spent.append(1_000_000 - steps.left)
    assert spent[2] < 2.2 * spent[1] < 2.2 * 2.2 * spent[0]


def test_a_match_ends_when_its_steps_are_spent() -> None:
    with pytest.raises(TooLong):
        found(r"^(a+)+$", "a" * 1000, steps=500)


def pieces() -> st.SearchStrategy[str]:
    single = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "c"])
    counted = st.tuples(single, st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])).map("".join)
    sequence = st.lists(counted, min_size=1, max_size=4).map("".join)
    grouped = st.lists(sequence, min_size=1, max_size=3).map(lambda parts: "(?:" + "|".join(parts) + ")")
    return st.tuples(
        st.sampled_from(["", "^"]), st.lists(st.one_of(sequence, grouped), max_size=3).map("".join), st.sampled_from(["", "$"])
    ).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces(), st.text("abc1 ", max_size=10))
def test_it_agrees_with_pythons_engine_where_both_say_the_same(source: str, text: str) -> None:
    """Without line ends in the text and outside ASCII's edges the two languages are one."""
    assert found(source, text) == (re.search(source, text, re.ASCII) is not None)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_pattern_or_is_refused(source: str) -> None:
    try:
        pattern = compiled(source)
    except Untaken:
        return
    pattern.found_in("some text 한글", Steps(1_000_000))
