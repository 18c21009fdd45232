"""Hashed features of an utterance: character and jamo n-grams, words without particles, pairs of words.

The hash is arithmetic on code points, so it is the same on every machine and run (Python's own `hash` is not).
Whoever changes anything here must train again: the weights know buckets, not words.
"""

import re
import unicodedata
import zlib
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

BUCKETS: Final = 1 << 16
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
_QUESTION: Final = re.compile(r"\s*\?[\s?]*")
# Longest first: "에서는" before "는". A stem keeps at least two syllables, so "가게" and "사이" stay whole.
_PARTICLE: Final = re.compile(
    "(?<=[가-힣a-z0-9]{2})(?:에서는|에서도|으로는|으로도|이라도|이랑은|한테는|에서|에게|한테|으로|이랑|까지|부터|처럼|보다"
    "|마다|이나|은|는|이|가|을|를|의|에|도|로|랑|과|와|만|나)$"
)


def plain(text: str) -> str:
    """Lower case, one space between words, numbers as 0, question marks kept, other marks and laughter dropped."""
    text = unicodedata.normalize("NFKC", text[-MAX_CHARS:] if len(text) > MAX_CHARS else text).lower()
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


def buckets(
    text: str,
    *,
    chars: tuple[int, int] | None = (1, 4),
    jamo: tuple[int, int] | None = (4, 7),
    with_words: bool = True,
    with_pairs: bool = True,
) -> Buckets:
    """The distinct feature buckets of a raw utterance, ascending. Empty for a text without letters.

    The keywords exist so that `train` can compare variants; at run time the defaults are the model.
    """
    clean = plain(text)
    tight = clean.replace(" ", "")
    if not tight.replace("?", ""):
        return np.empty(0, dtype=np.int64)
    codes = _codes("^" + tight + "$")
    hashes: list[_Codes] = []
    if chars is not None:
        hashes += _rolling(codes, *chars, salt=1)
    if jamo is not None:
        hashes += _rolling(_jamo(codes), *jamo, salt=2)
    if with_words or with_pairs:
        crcs = np.array([zlib.crc32(word.encode()) for word in words(clean) if word != "?"], dtype=np.uint32)
        if with_words:
            hashes += _rolling(crcs, 1, 2, salt=3)
        if with_pairs:
            stems = np.array(
                sorted({zlib.crc32(word[:2].encode()) for word in words(clean)[-16:] if word != "?"}), dtype=np.uint32
            )
            rows, columns = np.triu_indices(len(stems), 1)
            hashes.append((stems[rows] * _PRIME ^ stems[columns]) * _MIX_B + np.uint32(99991))
    mixed = np.concatenate(hashes)
    mixed = (mixed ^ (mixed >> _S16)) * _MIX_A
    mixed = (mixed ^ (mixed >> _S15)) * _MIX_B
    return np.unique((mixed ^ (mixed >> _S16)) & _MASK).astype(np.int64)
