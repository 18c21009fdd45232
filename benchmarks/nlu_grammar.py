"""Microseconds to read one message with the whole grammar (everything but the intents).

Run: python benchmarks/nlu_grammar.py [rounds]. The budget is 300 µs at p99 for ordinary messages.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from time import perf_counter_ns

from sangdam.nlu import (
    Ground,
    Option,
    abuse_level,
    find_slots,
    gravity,
    is_complaint,
    language_of,
    normalise,
    product_phrase,
    read_choice,
    read_correction,
    read_global,
    read_yes_no,
)

NOW = datetime(2026, 3, 16, 3, 0, tzinfo=UTC)
GROUND = Ground(flow_running=True, question_open=True)
OPTIONS = (Option(1, "20260315-0000127", "3월 15일 린넨 셔츠"), Option(2, "20260314-0000019", "3월 14일 코튼 팬츠"))
SPANS = Path(__file__).parent.parent / "tests" / "nlu" / "data" / "spans.jsonl"
PLAIN = (
    "택배 언제 와요?", "안녕하세요", "네", "아니요 괜찮아요", "상담원 바꿔주세요", "린넨 셔츠 L 재고 있나요", "반품하고 싶어요", "두번째 거요", "왜 이렇게 늦어요!!",
    "어제 산 셔츠 어디쯤 왔어여", "입고되면 알려주세요", "배송비 얼마예요", "아니 택배가 왜 안 와요ㅠㅠ", "감사합니다~", "교환하려는데 L 재고 있어요?",
)  # fmt: skip


def read_everything(said: str) -> None:
    """What one turn asks of the grammar at most."""
    normal = normalise(said)
    read_global(normal, GROUND)
    abuse_level(normal)
    gravity(normal)
    is_complaint(normal)
    language_of(normal)
    find_slots(normal, now=NOW, awaiting="order_id_or_phone")
    read_yes_no(normal, verbs=("바꿔",), strict=True)
    read_choice(normal, OPTIONS)
    read_correction(normal)
    product_phrase(normal)


def main(rounds: int) -> None:
    lines = SPANS.read_text(encoding="utf-8").splitlines()
    messages = [*PLAIN, *(json.loads(line)["text"] for line in lines)]
    for said in messages:
        read_everything(said)
    took: list[tuple[float, str]] = []
    for _ in range(rounds):
        for said in messages:
            start = perf_counter_ns()
            read_everything(said)
            took.append(((perf_counter_ns() - start) / 1000, said))
    cuts = quantiles((us for us, _ in took), n=100)
    print(f"{len(messages)} messages x {rounds}: p50 {cuts[49]:.0f} us, p90 {cuts[89]:.0f} us, p99 {cuts[98]:.0f} us")
    for us, said in sorted(took)[-3:]:
        print(f"  {us:.0f} us  {said[:60]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
