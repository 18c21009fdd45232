"""How well the built-in understanding reads: `python benchmarks/understanding.py`.

Measured on the test files, which training never sees; how blind each still is, stands in
docs/decisions/0004-intent-model.md. `measure` is what the floors of tests/nlu/test_intents.py read.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from sangdam.nlu.intents import (
    INTENTS,
    MOODS,
    TALK,
    WRITING,
    Action,
    Intent,
    IntentModel,
    IntentReading,
    Mood,
    Utterance,
    parse_rows,
)

_FOLDER: Final = Path(__file__).parent.parent / "tests" / "nlu" / "data"
HELD_FILES: Final = tuple(_FOLDER.parent / "held" / f"{name}.tsv" for name in ("intents", "real_mix", "talk"))
"""Written without sight of corpus, rules or earlier files; none has led to a correction."""
TEST_FILES: Final = tuple(_FOLDER / f"intents_{name}.tsv" for name in ("test", "blind", "blind_2", "blind_3"))
RESTOCK: Final = (Intent.RESTOCK_INQUIRY, Intent.RESTOCK_SUBSCRIBE, Intent.RESTOCK_MANAGE)


@dataclass(frozen=True, slots=True)
class Measured:
    """Shares are 0–1; microseconds of processor time per utterance."""

    rows: int
    accuracy: float
    macro_f1: float
    restock_f1: float
    restock_rows: int
    mood_accuracy: float
    calibration_error: float
    top_three: float
    act_rate: float
    act_precision: float
    ask_rate: float
    knowledge_rate: float
    none_rate: float
    out_of_scope_rows: int
    out_of_scope_flows: tuple[str, ...]
    rule_questions_that_write: tuple[str, ...]
    confusions: tuple[tuple[str, str, int], ...]
    p50_us: float
    p99_us: float


def f1(truth: Sequence[Intent], guess: Sequence[Intent], intents: Sequence[Intent]) -> float:
    """Mean F1 over the given intents."""
    scores: list[float] = []
    for intent in intents:
        hit = sum(t is intent and g is intent for t, g in zip(truth, guess, strict=True))
        wrong = sum((t is intent) != (g is intent) for t, g in zip(truth, guess, strict=True))
        scores.append(2 * hit / (2 * hit + wrong) if hit or wrong else 1.0)
    return sum(scores) / len(scores)


def expected_calibration_error(confidence: Sequence[float], correct: Sequence[bool], *, bins: int = 10) -> float:
    """Weighted mean gap between confidence and share correct, over bins of equal width."""
    odds, hits = np.array(confidence), np.array(correct)
    place = np.minimum((odds * bins).astype(int), bins - 1)
    gaps = (
        abs(odds[place == b].mean() - hits[place == b].mean()) * (place == b).mean()
        for b in range(bins)
        if (place == b).any()
    )
    return float(sum(gaps))


def right_to_act(row: Utterance, reading: IntentReading) -> bool:
    return row.intent is reading.top.intent


def measure(model: IntentModel, rows: Sequence[Utterance]) -> Measured:
    """Read every row once; times are of `classify` alone, after a warm-up, and of this thread: neighbours do not count."""
    for row in rows[:50]:
        model.classify(row.text)
    readings: list[IntentReading] = []
    times: list[float] = []
    for row in rows:
        began = time.thread_time_ns()
        reading = model.classify(row.text)
        times.append((time.thread_time_ns() - began) / 1000)
        readings.append(reading)
    truth = [row.intent for row in rows]
    guess = [reading.top.intent for reading in readings]
    correct = [t is g for t, g in zip(truth, guess, strict=True)]
    pairs = list(zip(rows, readings, strict=True))
    acted = [(row, reading) for row, reading in pairs if reading.action is Action.ACT]
    actions = Counter(reading.action for reading in readings)
    foreign = [(row, reading) for row, reading in pairs if row.intent is Intent.OUT_OF_SCOPE]
    present = [intent for intent in INTENTS if intent in truth]
    return Measured(
        rows=len(rows),
        accuracy=sum(correct) / len(rows),
        macro_f1=f1(truth, guess, present),
        restock_f1=f1(truth, guess, RESTOCK),
        restock_rows=sum(intent in RESTOCK for intent in truth),
        mood_accuracy=sum(row.mood is reading.mood for row, reading in pairs) / len(rows),
        calibration_error=expected_calibration_error([r.top.probability for r in readings], correct),
        top_three=sum(row.intent in {c.intent for c in reading.candidates[:3]} for row, reading in pairs) / len(rows),
        act_rate=actions[Action.ACT] / len(rows),
        act_precision=sum(right_to_act(*pair) for pair in acted) / max(1, len(acted)),
        ask_rate=actions[Action.ASK] / len(rows),
        knowledge_rate=actions[Action.KNOWLEDGE] / len(rows),
        none_rate=actions[Action.NONE] / len(rows),
        out_of_scope_rows=len(foreign),
        out_of_scope_flows=tuple(row.text for row, reading in foreign if reading.action is Action.ACT),
        rule_questions_that_write=tuple(
            row.text for row, reading in acted if row.mood is Mood.ASK_RULE and reading.top.intent in WRITING
        ),
        confusions=tuple(
            (right.value, wrong.value, count)
            for (right, wrong), count in Counter(
                (t, g) for t, g in zip(truth, guess, strict=True) if t is not g
            ).most_common(12)
        ),
        p50_us=float(np.percentile(times, 50)),
        p99_us=float(np.percentile(times, 99)),
    )


def main() -> None:
    began = time.perf_counter()
    model = IntentModel.load()
    model.classify("안녕하세요")
    loaded = (time.perf_counter() - began) * 1000
    weights = resources.files("sangdam.nlu").joinpath("weights.npz").read_bytes()
    print(f"load with first reading {loaded:.0f} ms   weights {len(weights)} bytes")
    for file in (*TEST_FILES, *HELD_FILES):
        print(f"\n{file.name}")
        report(model, parse_rows(file.read_text("utf-8")))


def report(model: IntentModel, rows: Sequence[Utterance]) -> None:
    found = measure(model, rows)
    print(f"utterances              {found.rows} ({len(INTENTS)} intents, {len(MOODS)} moods)")
    print(f"accuracy                {found.accuracy:.4f}   in the first three {found.top_three:.4f}")
    print(f"macro-F1                {found.macro_f1:.4f}")
    print(f"restock trio macro-F1   {found.restock_f1:.4f} on {found.restock_rows}")
    print(f"mood accuracy           {found.mood_accuracy:.4f}")
    print(f"ECE (10 bins)           {found.calibration_error:.4f}")
    print(
        f"act / ask / knowledge / none   {found.act_rate:.3f} / {found.ask_rate:.3f} / {found.knowledge_rate:.3f}"
        f" / {found.none_rate:.3f}"
    )
    print(f"right when it acts      {found.act_precision:.4f}")
    print(
        f"out of scope → flow     {len(found.out_of_scope_flows)} of {found.out_of_scope_rows}"
        f" {list(found.out_of_scope_flows)}"
    )
    print(f"rule question → write   {list(found.rule_questions_that_write)}")
    talk = [row for row in rows if row.intent in TALK]
    started = [row.text for row in talk if model.classify(row.text).action is Action.ACT]
    print(f"no-flow text → flow     {len(started)} of {len(talk)}")
    print(
        "most confused           " + ", ".join(f"{right}→{wrong} {count}" for right, wrong, count in found.confusions)
    )
    print(f"µs per utterance        p50 {found.p50_us:.0f}   p99 {found.p99_us:.0f}")


if __name__ == "__main__":
    main()
