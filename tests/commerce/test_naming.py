"""How well words name a product, on plain values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.commerce.naming import DECISIVE_SCORE, LEAST_SCORE, decisive, key_of, score, searches, without_particles

SHIRT = "린넨 셔츠"


@pytest.mark.parametrize(
    "query", ["린넨 셔츠", "린넨셔츠", " 린넨  셔츠 ", "린넨 셔츠는", "린넨셔츠요", "린넨 셔츠 있나요?"]
)
def test_the_name_itself_is_one(query: str) -> None:
    assert score(query, SHIRT) == 1.0


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("린넨 셔스", SHIRT),  # one letter of one syllable
        ("린낸 셔츠", SHIRT),
        ("린넨셔스", SHIRT),
        ("옥스퍼드 셔츠", "옥스포드 셔츠"),
        ("니트 원피수", "니트 원피스"),
        ("코튼 맨트맨", "코튼 맨투맨"),
        ("머그컵", "달빛 머그컵"),
        ("트렌치", "트렌치 코트"),
        ("카드 지갑", "가죽 카드지갑"),
        ("LINEN shirt", "Linen Shirt"),
    ],
)
def test_a_slip_in_one_syllable_or_a_word_less_still_names_it(query: str, name: str) -> None:
    assert DECISIVE_SCORE <= score(query, name) <= 1.0


@pytest.mark.parametrize(
    ("query", "name"),
    [("볼캡", "면 양말 5켤레 세트"), ("우주선", SHIRT), ("청바지", "코튼 맨투맨"), ("", SHIRT), ("?", SHIRT), (SHIRT, ""), ("양말", "…")],
)  # fmt: skip
def test_another_thing_is_not_named(query: str, name: str) -> None:
    assert score(query, name) < LEAST_SCORE


def test_the_nearer_name_scores_higher() -> None:
    names = ["린넨 셔츠", "린넨 원피스", "옥스포드 셔츠", "볼캡"]
    scores = [score("린넨 셔스", name) for name in names]
    assert scores == sorted(scores, reverse=True)
    assert decisive(scores[:2])
    among_shirts = [score("셔츠", name) for name in ("린넨 셔츠", "옥스포드 셔츠")]
    assert not decisive(sorted(among_shirts, reverse=True))


@pytest.mark.parametrize(
    ("scores", "is_decisive"),
    [
        ([], False),
        ([0.80], True),
        ([0.799], False),
        ([0.95, 0.80], True),
        ([0.95, 0.801], False),
        ([0.80, 0.65], True),
        ([0.79, 0.1], False),
        ([1.0, 1.0], False),
        ([1.0, 0.85, 0.85], True),
    ],
)
def test_one_is_meant_when_it_is_good_and_well_ahead(scores: list[float], is_decisive: bool) -> None:
    assert decisive(scores) is is_decisive


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("볼캡", [("볼캡",), ("볼", "캡")]),
        ("머그컵이요", [("머그컵이요",), ("머그컵",), ("머그", "그컵"), ("머", "그", "컵")]),
        ("코튼 맨투맨", [("코튼 맨투맨",), ("맨투맨",), ("맨투", "투맨", "코튼"), ("맨", "투", "코", "튼")]),
        ("?!", []),
        ("ㅋㅋ", []),
    ],
)
def test_searches_grow_wider(query: str, asked: list[tuple[str, ...]]) -> None:
    assert list(searches(query)) == asked


def test_what_is_asked_at_once_has_an_end() -> None:
    assert (
        max(
            len(names)
            for names in searches("가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초")
        )
        <= 20
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [("린넨 셔츠", "린넨셔츠"), ("LS-26", "ls26"), ("여름 셔츠!!", "여름셔츠"), ("Ｌｉｎｅｎ", "linen"), (" ?! ", "")],
)  # fmt: skip
def test_spellings_of_one_name_have_one_key(text: str, key: str) -> None:
    assert key_of(text) == key


def test_where_no_thing_is_left_the_query_stands() -> None:
    assert without_particles(" 옷 ") == "옷"


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_score_is_a_share_whatever_is_said(query: str, name: str) -> None:
    assert 0.0 <= score(query, name) <= 1.0
    assert all(names and all(names) for names in searches(query))
