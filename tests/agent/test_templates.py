"""Every sentence of the product, with every kind of word in it: polite, short, one question, and no 을(를)."""

import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest

from sangdam.agent.commands import SmallTalk
from sangdam.agent.dialogue import KINDS
from sangdam.agent.flow import Ask, Choice, YesNo
from sangdam.agent.flows import FLOWS
from sangdam.agent.reply import TEXT_LIMIT, words
from sangdam.agent.templates import EN, KO, TEMPLATES
from tests.agent.test_flow import picker
from tests.agent.walk import Walk, opening_slots

ENDINGS = (
    "린넨 셔츠", "가방", "양말", *(f"갤럭시 {n}" for n in range(10)), *(f"사이즈 {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "linen shirt", "500ml", "'머그컵'", "「소설」", "바지 (블랙)",
    "코트 [M]", "접시!", "50%", "셔츠 (free)", "셔츠 외 1건",
)  # fmt: skip
MOMENT = datetime(2026, 3, 13, 15, 30, tzinfo=UTC)
PARAMS: Mapping[str, Any] = {
    "date": MOMENT, "expected_by": MOMENT, "due": "28,800원", "phone": "010-****-1234", "total": 7, "days": 30, "left": 3, "seconds": 12, "minutes": 9, "position": 2,
}  # fmt: skip
"""What is no free word; any other field takes every ending."""
EMOJI = re.compile("[\U0001f000-\U0001faff☀-➿️]")
EITHER = re.compile(r"을\(를\)|를\(을\)|이\(가\)|가\(이\)|은\(는\)|는\(은\)|과\(와\)|와\(과\)|\(으\)|\(이\)")
SENTENCE_END = re.compile(r"(?:요|죠)(?:[.?]|$)")
FORMAL = re.compile(r"습니다|습니까|십시오|합니다|입니다|됩니다|하십|세요만|[^가-힣](?:해라|한다|이다)[.\s]")
SENTENCES = sorted(key for key in KO if not key.startswith(("button.", "flow.")))
QUESTIONS = sorted(key for key in KO if "?" in KO[key] or "?" in EN.get(key, ""))


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def rendered(language: str, key: str) -> list[str]:
    free = fields(TEMPLATES[language][key]) - set(PARAMS)
    return [words(language, key, {**PARAMS, **dict.fromkeys(free, ending)}) for ending in (ENDINGS if free else ("",))]


def test_both_languages_have_the_same_keys_and_fields() -> None:
    assert set(KO) == set(EN)
    assert {key for key in KO if fields(KO[key]) != fields(EN[key])} == set()


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("key", SENTENCES)
def test_a_template_renders_with_every_ending(key: str, language: str) -> None:
    for text in rendered(language, key):
        assert text == text.strip()
        assert "{" not in text
        assert "}" not in text
        assert "  " not in text
        assert len(text) <= TEXT_LIMIT
        assert not EITHER.search(text), text
        assert not EMOJI.search(text), text
        assert "!" not in text or "접시!" in text, text


@pytest.mark.parametrize("key", SENTENCES)
def test_korean_is_spoken_as_a_good_clerk_speaks(key: str) -> None:
    text = rendered("ko", key)[0]
    assert "손님" not in text
    assert not FORMAL.search(text), text
    for sentence in re.split(r"(?<=[.?])\s+", re.sub(r"\s예: \S+$", "", text)):
        assert SENTENCE_END.search(sentence), sentence


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("key", QUESTIONS)
def test_a_template_asks_once_and_at_its_end(key: str, language: str) -> None:
    text = rendered(language, key)[0]
    assert text.endswith("?") or "?" not in text, text
    assert text.count("?") <= 1, text


@pytest.mark.parametrize("language", ["ko", "en"])
def test_labels_are_short(language: str) -> None:
    for key, label in TEMPLATES[language].items():
        if key.startswith("button."):
            assert 1 <= len(label) <= 20, label
            assert not fields(label)
        if key.startswith("flow."):
            assert 1 <= len(label) <= 30, label


def test_internal_words_are_not_said() -> None:
    internal = re.compile(r"tool|API|JSON|토큰|스코프|정책 행|시스템 오류|코드 오류|None|상담사|직원")
    assert [key for key in SENTENCES if internal.search(KO[key])] == []


def test_every_wish_has_a_name_in_a_sentence() -> None:
    labels = {kind.label for kind in chain(FLOWS.values(), KINDS.values())}
    assert labels <= set(KO)
    for label in labels:
        for language in ("ko", "en"):
            assert "flow." not in words(language, "resume", {"label": label})


def test_every_question_can_be_asked_again_and_explained() -> None:
    kinds = {"yes_no", "choice"}
    buttons: set[str] = set()
    for name in KINDS:
        for seed in range(200):
            pick = picker(seed)
            walk = Walk(KINDS[name].run, opening_slots(pick), good=0.9).run(pick)
            for waiting in walk.asked:
                if isinstance(waiting.step, Ask):
                    kinds.add(waiting.step.kind)
                buttons |= {button.label for button in waiting.step.buttons}
            buttons |= {button.label for say in walk.said for button in say.buttons}
    for kind in kinds:
        for key in (f"again.{kind}.1", f"again.{kind}.2", f"why.{kind}"):
            assert key in KO
        assert KO[f"again.{kind}.1"] != KO[f"again.{kind}.2"]
    assert buttons <= set(KO)


def test_what_flows_say_renders_with_what_they_give() -> None:
    seen: dict[str, int] = {}
    for name in KINDS:
        for seed in range(300 if KINDS[name].group == "order" else 60):
            pick = picker(seed)
            walk = Walk(KINDS[name].run, opening_slots(pick), good=pick((0.5, 0.9))).run(pick)
            steps: list[YesNo | Ask | Choice] = [waiting.step for waiting in walk.asked]
            for step in [*steps, *walk.said]:
                if {"order", "track"} & set(step.params) or seen.get(step.template, 0) > 20:
                    continue
                seen[step.template] = seen.get(step.template, 0) + 1
                for language in ("ko", "en"):
                    text = words(language, step.template, {**step.params, "shop": "달빛샵", "days": 30})
                    assert "None" not in text, text
                    assert "{" not in text
    assert len(seen) > 50


def test_small_talk_of_every_kind_has_words() -> None:
    for kind in ("greeting", "thanks", "chat", "bot"):
        assert f"smalltalk.{SmallTalk(kind).kind}" in KO
