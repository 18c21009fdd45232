"""Hashed features of an utterance: character and jamo n-grams, words without particles, and named concepts.

The hash is arithmetic on code points, so it is the same on every machine and run (Python's own `hash` is not).
Whoever changes anything here must train again: the weights know buckets, not words.
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

BUCKETS: Final = 1 << 17
MAX_CHARS: Final = 400  # of a longer message the last part is read: requests come at the end

Buckets: TypeAlias = npt.NDArray[np.int64]
_Codes: TypeAlias = npt.NDArray[np.uint32]

_PRIME: Final = np.uint32(0x01000193)
_MIX_A: Final = np.uint32(0x7FEB352D)
_MIX_B: Final = np.uint32(0x846CA68B)
_S15: Final = np.uint32(15)
_S16: Final = np.uint32(16)
_MASK: Final = np.uint32(BUCKETS - 1)

_LAUGH_OR_CRY: Final = re.compile("[ㅋㅎㅠㅜ]{2,}|(?<=[가-힣?!.~ ])[ㅋㅎㅠㅜ](?=[^가-힣ㄱ-ㅣ]|$)")
_DIGITS: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_REPEATED: Final = re.compile(r"(.)\1{2,}")
_NOT_WORD: Final = re.compile(r"[^0-9a-z가-힣ㄱ-ㅣ?]+")
_JOINS_AT: Final = 4
_LATIN: Final = re.compile("[a-z]{2,}")
_QUESTION: Final = re.compile(r"\s*\?[\s?]*")
# Longest first: "에서는" before "는". A stem keeps at least two syllables, so "가게" and "사이" stay whole.
_PARTICLE: Final = re.compile(
    "(?<=[가-힣a-z0-9]{2})(?:에서는|에서도|으로는|으로도|이라도|이랑은|한테는|에서|에게|한테|으로|이랑|까지|부터|처럼|보다"
    "|마다|이나|은|는|이|가|을|를|의|에|도|로|랑|과|와|만|나)$"
)
# NFKC makes a lone ㅇ, as in ㅇㅇ or ㄱㅅ, one that waits for its vowel; here it stays what was typed.
_LONE_JAMO: Final = {
    ord(waiting): code
    for code in range(ord("ㄱ"), ord("ㅣ") + 1)
    if len(waiting := unicodedata.normalize("NFKC", chr(code))) == 1
}


def plain(text: str) -> str:
    """Lower case, one space between words, numbers as 0, question marks kept, other marks and laughter dropped."""
    text = unicodedata.normalize("NFKC", text[-MAX_CHARS:] if len(text) > MAX_CHARS else text).lower()
    text = text.translate(_LONE_JAMO)
    text = _LAUGH_OR_CRY.sub(" ", text)
    text = _DIGITS.sub("0", text)
    text = _REPEATED.sub(r"\1", text)
    text = _NOT_WORD.sub(" ", text)
    return _QUESTION.sub(" ? ", text).strip()


def words(plain_text: str) -> list[str]:
    """The words of a `plain` text without their particles."""
    return [_PARTICLE.sub("", word) for word in plain_text.split()]


def _codes(text: str) -> _Codes:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def _jamo(codes: _Codes) -> _Codes:
    """Hangul syllables as lead, vowel and (if any) tail; anything else as it is."""
    offset = codes - np.uint32(0xAC00)
    hangul = offset < 11172  # unsigned: everything below 가 wraps to a large number
    parts = np.zeros((len(codes), 3), dtype=np.uint32)
    parts[:, 0] = np.where(hangul, np.uint32(0x1100) + offset // np.uint32(588), codes)
    parts[:, 1] = np.where(hangul, np.uint32(0x1161) + (offset % np.uint32(588)) // np.uint32(28), 0)
    tail = offset % np.uint32(28)
    parts[:, 2] = np.where(hangul & (tail > 0), np.uint32(0x11A7) + tail, 0)
    flat = parts.reshape(-1)
    return flat[flat != 0]


def _rolling(codes: _Codes, shortest: int, longest: int, *, salt: int) -> list[_Codes]:
    """Hashes of all n-grams with shortest ≤ n ≤ longest."""
    hashes: list[_Codes] = []
    rolled = codes
    for n in range(1, longest + 1):
        if n > len(codes):
            break
        if n > 1:
            rolled = rolled[:-1] * _PRIME ^ codes[n - 1 :]
        if n >= shortest:
            hashes.append(rolled * _MIX_B + np.uint32(salt * 7919 + n * 104729))
    return hashes


@cache
def _concepts() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[int, ...]]]:
    """Word → names of its concepts, and first letter → lengths of the words that begin with it, longest first."""
    found: dict[str, tuple[str, ...]] = {}
    listed = resources.files("sangdam.nlu").joinpath("corpus").joinpath("concepts.txt").read_text("utf-8")
    for line in listed.splitlines():
        if not line or line.startswith("#"):
            continue
        name, words_of = line.split(":", 1)
        for listed_word in words_of.split():
            word = _DIGITS.sub("0", listed_word)
            if word == "0":
                continue
            if name not in found.get(word, ()):
                found[word] = (*found.get(word, ()), name)
    lengths: dict[str, set[int]] = {}
    for word in found:
        lengths.setdefault(word[0], set()).add(len(word))
    return found, {letter: tuple(sorted(each, reverse=True)) for letter, each in lengths.items()}


def concepts(plain_text: str) -> list[str]:
    """Names of the concepts of a `plain` text: Latin words first, then Hangul in order of appearance.

    Hangul is read without spaces, the longest word at each place wins; Latin words must match whole. A short word is
    not put together from two ("이 사진" holds no 이사), but 안 and 못 join what they deny. A word of one letter counts
    only where a written word begins.
    """
    named, lengths = _concepts()
    found = [hit for word in _LATIN.findall(plain_text) for hit in named.get(word, ())]
    tight = plain_text.replace(" ", "")
    word_of = [number for number, word in enumerate(plain_text.split()) for _ in word]
    for place, letter in enumerate(tight):
        for length in lengths.get(letter, ()):
            if place + length > len(tight):
                continue
            hits = named.get(tight[place : place + length])
            if hits is None or (letter < "ㄱ" and tight[place + length - 1] < "ㄱ"):
                continue
            if length == 1 and place and word_of[place] == word_of[place - 1]:
                break  # "걸립니까" holds no 립, "장난감" no 감
            if length >= _JOINS_AT or letter in "안못" or word_of[place] == word_of[place + length - 1]:
                found += hits
                break
    return found


@dataclass(frozen=True, slots=True)
class Features:
    """Distinct buckets, ascending: what is written, and what it is about. Each group weighs the same in all."""

    surface: Buckets
    meaning: Buckets
    concepts: frozenset[str]


NOTHING: Final = Features(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), frozenset())


def features(
    text: str,
    *,
    chars: tuple[int, int] | None = (1, 3),
    jamo: tuple[int, int] | None = (4, 5),
    with_words: bool = True,
    with_meaning: bool = True,
) -> Features:
    """The features of a raw utterance; `NOTHING` for a text without letters.

    The keywords exist so that `train` can compare variants; at run time the defaults are the model.
    """
    clean = plain(text)
    tight = clean.replace(" ", "")
    if not tight.replace("?", ""):
        return NOTHING
    codes = _codes("^" + tight + "$")
    surface: list[_Codes] = []
    if chars is not None:
        surface += _rolling(codes, *chars, salt=1)
    if jamo is not None:
        surface += _rolling(_jamo(codes), *jamo, salt=2)
    if with_words:
        crcs = np.array([zlib.crc32(word.encode()) for word in words(clean) if word != "?"], dtype=np.uint32)
        surface += _rolling(crcs, 1, 2, salt=3)
    named = concepts(clean)
    return Features(_mixed(surface), _meaning(named) if with_meaning else NOTHING.meaning, frozenset(named))


@cache
def _crc(name: str) -> int:
    return zlib.crc32(name.encode())


def _meaning(named: list[str]) -> Buckets:
    """Concepts, and each pair of concepts that occurs. Of a long story the last sixteen count."""
    hashes = np.array(sorted({_crc(name) for name in named[-16:]}), dtype=np.uint32)
    if not len(hashes):
        return NOTHING.meaning
    first, second = np.triu_indices(len(hashes), 1)
    pairs = (hashes[first] * _PRIME ^ hashes[second]) * _MIX_B + np.uint32(99991)
    return _mixed([hashes * _MIX_B + np.uint32(31337), pairs])


def _mixed(hashes: list[_Codes]) -> Buckets:
    mixed = np.concatenate(hashes)
    mixed = (mixed ^ (mixed >> _S16)) * _MIX_A
    mixed = (mixed ^ (mixed >> _S15)) * _MIX_B
    return np.unique((mixed ^ (mixed >> _S16)) & _MASK).astype(np.int64)
