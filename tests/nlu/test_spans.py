"""Labelled messages: every value found where it stands, and nothing found that is not there."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from sangdam.nlu import Period, find_slots, normalise
from sangdam.nlu.slots import NUMBER_NAMES

NOW = datetime(2026, 3, 16, 3, 0, tzinfo=UTC)
NUMBERS = NUMBER_NAMES | {"sensitive"}
LABELLED = {
    "option",
    "quantity",
    "date",
    "period",
    "lead_days",
    "address_query",
    "address_detail",
    "orderer_name",
    "receiver_name",
}


class Labelled(TypedDict):
    name: str
    value: str
    start: int
    end: int


class Row(TypedDict):
    text: str
    awaiting: str | None
    spans: list[Labelled]


def rows() -> list[Row]:
    lines = (Path(__file__).parent / "data" / "spans.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shown(value: str | int | Period) -> str:
    if isinstance(value, Period):
        return str(value.start) if value.is_day else f"{value.start}..{value.end}"
    return str(value)


def compare(names: frozenset[str] | set[str]) -> tuple[int, int, int, list[str]]:
    """(right, labelled, found, differences); right = same name, same value, overlapping place in what was typed."""
    right = labelled = seen = 0
    differences: list[str] = []
    for row in rows():
        normal = normalise(row["text"])
        awaiting = frozenset({row["awaiting"]}) if row["awaiting"] else None
        found = [s for s in find_slots(normal, now=NOW, awaiting=awaiting) if s.name in names]
        wanted = [w for w in row["spans"] if w["name"] in names]
        labelled += len(wanted)
        seen += len(found)
        left = list(found)
        for want in wanted:
            for slot in left:
                start, end = normal.raw_span(*slot.span)
                if (
                    slot.name == want["name"]
                    and shown(slot.value) == want["value"]
                    and start < want["end"]
                    and want["start"] < end
                ):
                    right += 1
                    left.remove(slot)
                    break
            else:
                differences.append(f"missed {want['name']} {want['value']} in {row['text']!r}")
        differences += [f"invented {s.name} {shown(s.value)} in {row['text']!r}" for s in left]
    return right, labelled, seen, differences


def test_there_are_enough_labelled_spans() -> None:
    assert sum(len(row["spans"]) for row in rows()) >= 250


def test_labels_stand_where_they_say() -> None:
    for row in rows():
        for want in row["spans"]:
            assert 0 <= want["start"] < want["end"] <= len(row["text"])


def test_number_spans_are_found_and_none_is_invented() -> None:
    right, labelled, seen, differences = compare(NUMBERS)
    assert right / labelled >= 0.99, differences
    assert right / seen >= 0.99, differences


def test_other_spans_are_found_and_few_are_invented() -> None:
    right, labelled, seen, differences = compare(LABELLED)
    assert right / labelled >= 0.97, differences
    assert right / seen >= 0.97, differences
