"""Letters below the syllable: jamo strings, what a final consonant decides, and matching that forgives typing.

Similarity is always measured on jamo: 환뷸 and 환불 share seven of eight letters but only one of two syllables.
"""

from __future__ import annotations

from rapidfuzz import fuzz

_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST, _LAST = 0xAC00, 0xD7A3

# What sounds the same in today's Seoul speech is typed for one another.
_VOWEL_SOUNDS = str.maketrans("ㅐㅒㅙㅞ", "ㅔㅖㅚㅚ")
_FINAL_SOUNDS = {"ㅆ": "ㅅ", "ㄲ": "ㄱ", "ㅄ": "ㅂ", "ㄶ": "ㄴ", "ㅀ": "ㄹ", "ㄵ": "ㄴ", "ㄳ": "ㄱ"}

_KEYS = dict(
    zip(
        "rRseEfaqQtTdwWczxvgkoiOjpuPhynbml",
        "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅑㅒㅓㅔㅕㅖㅗㅛㅜㅠㅡㅣ",
        strict=True,
    )
)
_DOUBLE_VOWELS = {"ㅗㅏ": "ㅘ", "ㅗㅐ": "ㅙ", "ㅗㅣ": "ㅚ", "ㅜㅓ": "ㅝ", "ㅜㅔ": "ㅞ", "ㅜㅣ": "ㅟ", "ㅡㅣ": "ㅢ"}
_DOUBLE_FINALS = {
    "ㄱㅅ": "ㄳ", "ㄴㅈ": "ㄵ", "ㄴㅎ": "ㄶ", "ㄹㄱ": "ㄺ", "ㄹㅁ": "ㄻ", "ㄹㅂ": "ㄼ",
    "ㄹㅅ": "ㄽ", "ㄹㅌ": "ㄾ", "ㄹㅍ": "ㄿ", "ㄹㅎ": "ㅀ", "ㅂㅅ": "ㅄ",
}  # fmt: skip


def is_syllable(char: str) -> bool:
    """True for one composed Hangul syllable (가–힣)."""
    return len(char) == 1 and _FIRST <= ord(char) <= _LAST


def has_final(char: str) -> bool:
    """True when the syllable ends in a consonant (받침); False for anything that is not a syllable."""
    return is_syllable(char) and (ord(char) - _FIRST) % 28 != 0


def final_of(char: str) -> str:
    """The final consonant of a syllable as a letter, "" when it has none."""
    return _FINALS[(ord(char) - _FIRST) % 28] if is_syllable(char) else ""


class _Decomposed(dict[int, str]):
    """A translation table filled as syllables turn up; 11,172 entries at import would cost a cold start."""

    def __missing__(self, code: int) -> str:
        if _FIRST <= code <= _LAST:
            lead, rest = divmod(code - _FIRST, 588)
            vowel, final = divmod(rest, 28)
            letters = _LEADS[lead] + _VOWELS[vowel] + _FINALS[final]
        else:
            letters = chr(code)
        self[code] = letters
        return letters


class _Sounds(dict[int, str]):
    def __missing__(self, code: int) -> str:
        if _FIRST <= code <= _LAST:
            lead, rest = divmod(code - _FIRST, 588)
            vowel, final = divmod(rest, 28)
            last = _FINALS[final]
            letters = _LEADS[lead] + _VOWELS[vowel].translate(_VOWEL_SOUNDS) + _FINAL_SOUNDS.get(last, last)
        else:
            letters = chr(code)
        self[code] = letters
        return letters


_DECOMPOSED = _Decomposed()
_SOUNDS = _Sounds()


def decompose(text: str) -> str:
    """'셔츠' → 'ㅅㅕㅊㅡ'. Everything that is not a syllable stays as it is."""
    return text.translate(_DECOMPOSED)


def sound_key(text: str) -> str:
    """Jamo with letters of equal sound folded: 재고 = 제고, 있 = 잇, 됬 = 됐."""
    return text.translate(_SOUNDS)


def likeness(left: str, right: str) -> float:
    """0–100, by sound: 100 for words that sound the same."""
    return fuzz.ratio(sound_key(left), sound_key(right))


def contains_like(text: str, word: str, cutoff: float = 85.0) -> bool:
    """True when some stretch of text is word up to a typing slip. Words under two syllables must be there exactly."""
    if word in text:
        return True
    if len(word) < 2 or len(text) + 1 < len(word):
        return False
    return fuzz.partial_ratio(sound_key(word), sound_key(text), score_cutoff=cutoff) >= cutoff


def compose(letters: str) -> str:
    """'ㅅㅕㅊㅡ' → '셔츠', the way an input method groups them. Letters that form no syllable stay."""
    out: list[str] = []
    i, n = 0, len(letters)
    while i < n:
        if letters[i] not in _LEADS or i + 1 >= n or letters[i + 1] not in _VOWELS:
            out.append(letters[i])
            i += 1
            continue
        lead, vowel = letters[i], letters[i + 1]
        i += 2
        if i < n and vowel + letters[i] in _DOUBLE_VOWELS:
            vowel = _DOUBLE_VOWELS[vowel + letters[i]]
            i += 1
        final = ""
        if i < n and letters[i] in _FINALS and not (i + 1 < n and letters[i + 1] in _VOWELS):
            final = letters[i]
            i += 1
            pair = final + letters[i] if i < n else ""
            if pair in _DOUBLE_FINALS and not (i + 1 < n and letters[i + 1] in _VOWELS):
                final = _DOUBLE_FINALS[pair]
                i += 1
        code = _FIRST + _LEADS.index(lead) * 588 + _VOWELS.index(vowel) * 28 + _FINALS.index(final)
        out.append(chr(code))
    return "".join(out)


def from_qwerty(text: str) -> str | None:
    """What was meant when Korean was typed with the keyboard left in English: 'qothd' → '배송'.

    None when the keys do not make whole syllables, so ordinary English is left alone ("hello" → None).
    """
    if not text.isascii() or not any(char.isalpha() for char in text):
        return None
    letters = "".join(_KEYS.get(char) or _KEYS.get(char.lower()) or char for char in text)
    composed = compose(letters)
    if any(char in _LEADS or char in _VOWELS for char in composed) or sum(map(is_syllable, composed)) < 2:
        return None
    return composed
