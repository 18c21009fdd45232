"""HTML of a mall becomes one line of text, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.commerce.plain import MOST_READ, cut, plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>어제 주문했는데 언제 출발하나요?</p>", "어제 주문했는데 언제 출발하나요?"),
        ("<p>안녕하세요</p><p>배송&nbsp;언제</p>", "안녕하세요 배송 언제"),
        ("첫 줄<br>둘째<br/>셋째\n\n넷째", "첫 줄 둘째 셋째 넷째"),
        ("굵<b>은</b> <span style='x'>글</span>씨", "굵은 글씨"),
        ("<ul><li>하나</li><li>둘</li></ul>", "하나 둘"),
        ("5 < 6 이고 3&lt;4 &amp; 끝", "5 < 6 이고 3<4 & 끝"),
        ("<script>alert(1)</script>뒤<style>p{}</style>", "뒤"),
        ("<script>끝나지 않는 말", ""),
        ("<svg><script>x</svg>뒤", ""),
        ("<svg><b>x</svg>뒤", "뒤"),
        ("<!-- 숨긴 말 --> 보이는 말", "보이는 말"),
        ("앞<![모르는[선언]]>", "앞"),
        ("<p>열린 표시 <a href='x", "열린 표시 <a href='x"),
        ('앞<img src="data:image/png;base64,AAAA">뒤', "앞 뒤"),
        ("표시 없는 글", "표시 없는 글"),
        ("", ""),
    ],
)  # fmt: skip
def test_marks_go_and_words_stay(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_a_picture_written_into_it_does_not_hide_what_follows() -> None:
    assert plain_text(f'<img src="data:image/png;base64,{"A" * MOST_READ * 3}">사진이에요') == "사진이에요"
    assert plain_text("가" * (MOST_READ + 1)) == "가" * MOST_READ


@given(st.text(alphabet=st.sampled_from(list("<>/!-[]&;#'\"= abscriptvg가")), max_size=60))
def test_nothing_breaks_it(html: str) -> None:
    text = plain_text(html)
    assert text == " ".join(text.split())


@pytest.mark.parametrize(("text", "shown"), [("가나다라", "가나다라"), ("가나다라마", "가나다…"), ("가나 다라", "가나…"), ("", "")])  # fmt: skip
def test_what_is_cut_says_so(text: str, shown: str) -> None:
    assert cut(text, 4) == shown
