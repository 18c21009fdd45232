"""Train the intent model: `python -m sangdam.nlu.train` writes `weights.npz`, `--compare` prints variants instead.

Needs scikit-learn (a development dependency); nothing at run time imports this module. The same corpus gives the same
weights: typos are drawn from the text of each row, never from a clock.
"""

# ruff: noqa: T201, S311 - a command that reports to the terminal; the slips of a row must be the same every time

import argparse
import random
import re
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from sangdam.nlu import ngrams
from sangdam.nlu.intents import INTENTS, MOODS, TALK, Intent, Utterance, corpus, corpus_digest, parse_rows

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Featurise: TypeAlias = Callable[[str], ngrams.Features]

FOLDS: Final = 5
STRENGTH: Final = 10.0
"""Inverse regularisation of the logistic regression, by cross-validation."""
WEIGHTS: Final = Path(__file__).with_name("weights.npz")

_LEADS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
# Neighbours on the two-set keyboard and letters that sound alike.
_LEAD_SLIPS: Final = {
    "ㄱ": "ㅅㅎㄲㅋ", "ㄷ": "ㅈㄱㄸㅌ", "ㅂ": "ㅈㅃㅍ", "ㅈ": "ㅂㄷㅉㅊ", "ㅅ": "ㄱㅆ", "ㅁ": "ㄴ", "ㄴ": "ㅁㅇ", "ㅇ": "ㄴㄹ",
    "ㄹ": "ㅇㅎ", "ㅎ": "ㄹㅇ", "ㅋ": "ㄱㅌ", "ㅌ": "ㅋㄷ", "ㅊ": "ㅈㅌ", "ㅍ": "ㅂㅊ", "ㄲ": "ㄱ", "ㄸ": "ㄷ", "ㅃ": "ㅂ",
    "ㅆ": "ㅅ", "ㅉ": "ㅈ",
}  # fmt: skip
_VOWEL_SLIPS: Final = {
    "ㅐ": "ㅔ", "ㅔ": "ㅐ", "ㅚ": "ㅙㅞ", "ㅙ": "ㅚㅞ", "ㅞ": "ㅚㅙ", "ㅗ": "ㅓㅜ", "ㅓ": "ㅗㅏ", "ㅏ": "ㅣㅓ", "ㅣ": "ㅏㅡ",
    "ㅜ": "ㅡㅗ", "ㅡ": "ㅜㅣ", "ㅕ": "ㅑㅓ", "ㅛ": "ㅕㅗ", "ㅖ": "ㅔㅐ", "ㅢ": "ㅣㅡ", "ㅘ": "ㅏ", "ㅝ": "ㅓ", "ㅑ": "ㅕ",
}  # fmt: skip
_ENDINGS: Final = ("여", "용", "염", "욤", "욥", "유", "")
_GREETINGS: Final = (
    "안녕하세요 ", "안녕하세요~ ", "저기요 ", "안녕하세요 문의드립니다. ", "수고하십니다 ", "아 그리고 ", "네 ", "저 ", "혹시 ", "죄송한데 ",
    "여보세요 ", "다름이 아니라 ", "아니 ", "저기 죄송한데요 ",
)  # fmt: skip
_STORIES: Final = (
    "지난주에 여기서 처음 사봤는데요 ", "제가 잘 몰라서 그러는데 ", "어제 밤에 보다가 ", "친구 추천으로 들어왔는데 ", "저번에도 물어봤는데요 ",
    "엄마가 부탁하셔서 여쭤보는데요 ", "몇 번 이용했던 사람인데요 ", "상세페이지를 봐도 안 나와 있어서요 ", "바쁘신데 죄송하지만 ",
    "전화가 안 돼서 여기 남겨요 ", "아이 때문에 정신이 없어서 이제 봤네요 ", "010-1234-5678 김영희인데요 ", "20260311-0000120 ",
)  # fmt: skip
_TAILS: Final = (
    " ㅠㅠ",
    "ㅠ",
    " ㅎㅎ",
    "~",
    "!!",
    " 빨리요",
    " 확인 부탁드려요",
    " 답변 부탁드립니다",
    " 급해요",
    "..",
    " ㅋㅋ",
    " 알려주세요",
)
_KEEP_TAIL: Final = 7  # of _TAILS, those before this change no meaning


class _Fitted(Protocol):
    coef_: Floats
    intercept_: Floats

    def decision_function(self, rows: object) -> Floats: ...


def slip(text: str, chance: random.Random) -> str:
    """One wrong key or letter of like sound in one Hangul syllable."""
    places = [i for i, letter in enumerate(text) if "가" <= letter <= "힣"]
    if not places:
        return text
    place = chance.choice(places)
    code = ord(text[place]) - 0xAC00
    lead, vowel, tail = code // 588, code % 588 // 28, code % 28
    kind = chance.random()
    if kind < 0.35:
        lead = _LEADS.index(chance.choice(_LEAD_SLIPS[_LEADS[lead]]))
    elif kind < 0.75 or tail == 0:
        vowel = _VOWELS.index(chance.choice(_VOWEL_SLIPS.get(_VOWELS[vowel], _VOWELS[vowel])))
    elif tail == 20:
        tail = 19
    else:
        tail = 0
    return text[:place] + chr(0xAC00 + lead * 588 + vowel * 28 + tail) + text[place + 1 :]


def variations(row: Utterance) -> tuple[str, ...]:
    """The row and what hasty people make of it: no spaces, slips, other endings, a greeting or a story before it."""
    chance = random.Random(zlib.crc32(row.text.encode()))
    tight = row.text.replace(" ", "")
    typo = slip(row.text, chance)
    ending = typo
    if row.text.endswith("요"):
        ending = row.text[:-1] + chance.choice(_ENDINGS)
    elif row.text.endswith("?"):
        ending = row.text[:-1]
    made = [row.text, slip(tight, chance) if chance.random() < 0.4 else tight, typo, ending]
    if row.intent not in TALK:
        led = chance.choice(_GREETINGS if chance.random() < 0.6 else _STORIES) + row.text
        made.append(led + (chance.choice(_TAILS[:_KEEP_TAIL]) if chance.random() < 0.5 else ""))
    elif row.intent in (Intent.OUT_OF_SCOPE, Intent.ABUSE):
        made.append(chance.choice(_GREETINGS) + row.text)
    return tuple(dict.fromkeys(made))


def rows() -> tuple[Utterance, ...]:
    """All labelled rows of the shipped corpus."""
    return tuple(row for name, text in corpus().items() if name.endswith(".tsv") for row in parse_rows(text))


def is_english(text: str) -> bool:
    return re.search("[ㄱ-ㅣ가-힣]", text) is None and re.search("[a-z]{2}", text.lower()) is not None


def matrix(found: Sequence[ngrams.Features]) -> object:
    """Sparse rows; each group of distinct features has length one. Both groups share the buckets."""
    return _group([each.surface for each in found]) + _group([each.meaning for each in found])


def _group(found: Sequence[ngrams.Buckets]) -> Any:
    from scipy.sparse import csr_matrix  # pyright: ignore

    sizes = np.array([len(each) for each in found])
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return csr_matrix((values, np.concatenate(found), starts), shape=(len(found), ngrams.BUCKETS))


def fit(features: object, labels: Ints, *, strength: float = STRENGTH, weights: Floats | None = None) -> _Fitted:
    """Multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression  # pyright: ignore

    model = LogisticRegression(C=strength, max_iter=120, tol=1e-3)
    model.fit(features, labels, sample_weight=weights)  # pyright: ignore
    return cast(_Fitted, model)


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def temperature(logits: Floats, labels: Ints) -> float:
    """The divisor of the logits that makes held-out labels most likely."""
    grid = np.geomspace(0.3, 4, 80)
    losses = [-np.log(softmax(logits / t)[np.arange(len(labels)), labels] + 1e-12).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])


def calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[place == b].mean() - correct[place == b].mean()) * (place == b).mean()
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps))


def macro_f1(truth: Ints, guess: Ints, labels: Sequence[int] | None = None) -> float:
    """Mean F1 over the labels that occur in the truth."""
    scores: list[float] = []
    for label in labels if labels is not None else sorted(set(truth.tolist())):
        hit = int(((truth == label) & (guess == label)).sum())
        wrong = int(((truth == label) != (guess == label)).sum())
        scores.append(2 * hit / (2 * hit + wrong) if hit or wrong else 1.0)
    return sum(scores) / len(scores)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Out-of-fold logits of the plain rows (no variation of a row is in the fold that judges it)."""

    intents: Floats
    moods: Floats
    intent_labels: Ints
    mood_labels: Ints


def cross_validate(
    examples: Sequence[Utterance],
    featurise: Featurise,
    *,
    strength: float = STRENGTH,
    vary: bool = True,
    seed: int = 7,
    judged_folds: int = FOLDS,
    moods: bool = True,
) -> HeldOut:
    """Logits of the rows in the first `judged_folds` folds, from models that saw neither them nor their variations."""
    intent_labels = np.array([INTENTS.index(row.intent) for row in examples])
    mood_labels = np.array([MOODS.index(row.mood) for row in examples])
    fold_of = np.random.default_rng(seed).permutation(len(examples)) % FOLDS
    made = [[featurise(text) for text in (variations(row) if vary else (row.text,))] for row in examples]
    intent_logits = np.zeros((len(examples), len(INTENTS)))
    mood_logits = np.zeros((len(examples), len(MOODS)))
    for fold in range(judged_folds):
        train = np.flatnonzero(fold_of != fold)
        judge = np.flatnonzero(fold_of == fold)
        features = matrix([each for i in train for each in made[i]])
        owner = np.array([i for i in train for _ in made[i]])
        judged = matrix([made[i][0] for i in judge])
        intent_logits[judge] = fit(features, intent_labels[owner], strength=strength).decision_function(judged)
        if moods:
            mood_logits[judge] = fit(features, mood_labels[owner], strength=strength).decision_function(judged)
    seen = fold_of < judged_folds
    return HeldOut(intent_logits[seen], mood_logits[seen], intent_labels[seen], mood_labels[seen])


def train() -> None:
    """Fit on everything, calibrate on out-of-fold logits, write the weights."""
    digest = corpus_digest()
    examples = rows()
    held = cross_validate(examples, ngrams.features)
    temperatures = (temperature(held.intents, held.intent_labels), temperature(held.moods, held.mood_labels))
    guesses = held.intents.argmax(axis=1)
    confidence = softmax(held.intents / temperatures[0]).max(axis=1)
    english = np.array([is_english(row.text) for row in examples])
    judged = {
        "accuracy": float((guesses == held.intent_labels).mean()),
        "macro_f1": macro_f1(held.intent_labels, guesses),
        "english_f1": macro_f1(held.intent_labels[english], guesses[english]),
        "mood_accuracy": float((held.moods.argmax(axis=1) == held.mood_labels).mean()),
        "calibration_error": calibration_error(confidence, guesses == held.intent_labels),
    }
    print(f"rows {len(examples)}  temperatures {temperatures[0]:.2f} {temperatures[1]:.2f}")
    print("out of fold  " + "  ".join(f"{name} {value:.4f}" for name, value in judged.items()), flush=True)
    made = [(variation, row) for row in examples for variation in variations(row)]
    features = matrix([ngrams.features(text) for text, _ in made])
    intents = fit(features, np.array([INTENTS.index(row.intent) for _, row in made]))
    moods = fit(features, np.array([MOODS.index(row.mood) for _, row in made]))
    weights = np.concatenate([intents.coef_, moods.coef_]).T
    scale = np.abs(weights).max(axis=0) / 127
    np.savez_compressed(
        WEIGHTS,
        weights=np.rint(weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=np.concatenate([intents.intercept_, moods.intercept_]).astype(np.float32),
        temperatures=np.array(temperatures, dtype=np.float32),
        corpus_digest=np.array(digest),
        cv_accuracy=np.array(judged["accuracy"]),
        cv_macro_f1=np.array(judged["macro_f1"]),
        cv_english_f1=np.array(judged["english_f1"]),
        cv_mood_accuracy=np.array(judged["mood_accuracy"]),
        cv_calibration_error=np.array(judged["calibration_error"]),
    )
    print(f"{WEIGHTS.name} {WEIGHTS.stat().st_size} bytes")


def compare() -> None:
    """Variants on one held-out fold of the corpus; the test split is never looked at here."""
    examples = rows()
    variants: dict[str, Featurise] = {
        "chars 2-4": lambda text: ngrams.features(text, chars=(2, 4), jamo=None, with_words=False, with_meaning=False),
        "chars 1-3": lambda text: ngrams.features(text, jamo=None, with_words=False, with_meaning=False),
        "jamo 3-7": lambda text: ngrams.features(text, chars=None, jamo=(3, 7), with_words=False, with_meaning=False),
        "chars + jamo": lambda text: ngrams.features(text, with_words=False, with_meaning=False),
        "chars + jamo + words": lambda text: ngrams.features(text, with_meaning=False),
        "chars + concepts": lambda text: ngrams.features(text, jamo=None, with_words=False),
        "chars + jamo + words + concepts": ngrams.features,
    }
    for name, featurise in variants.items():
        began = time.perf_counter()
        held = cross_validate(examples, featurise, judged_folds=1, moods=False)
        guesses = held.intents.argmax(axis=1)
        print(
            f"{name:32} accuracy {(guesses == held.intent_labels).mean():.4f}"
            f"  macro-F1 {macro_f1(held.intent_labels, guesses):.4f}  {time.perf_counter() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--compare", action="store_true", help="print variants, write nothing")
    if options.parse_args().compare:
        compare()
    else:
        train()
