"""What a message wants: one of the closed list of intents and a mood, with probabilities that can be believed.

A reading proposes and never acts. Whoever reads `candidates` alone would start a return because someone asked how
returns work: `action` is the one thing to obey, it looks at the mood as well.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
import numpy.typing as npt

from sangdam.nlu.clauses import finished, sentences, split_clauses
from sangdam.nlu.ngrams import features, plain


class Intent(StrEnum):
    """dialogue.md §5; the order is the column order of the weights."""

    ORDER_LOOKUP = "order_lookup"
    SHIPPING_INQUIRY = "shipping_inquiry"
    ORDER_CHANGE_ADDRESS = "order_change_address"
    CANCEL_REQUEST = "cancel_request"
    RETURN_REQUEST = "return_request"
    EXCHANGE_REQUEST = "exchange_request"
    REFUND_REQUEST = "refund_request"
    CLAIM_STATUS = "claim_status"
    PURCHASE_HELP = "purchase_help"
    TICKET = "ticket"
    PRODUCT_INQUIRY = "product_inquiry"
    SHIPPING_POLICY = "shipping_policy"
    RESTOCK_INQUIRY = "restock_inquiry"
    RESTOCK_SUBSCRIBE = "restock_subscribe"
    RESTOCK_MANAGE = "restock_manage"
    FAQ = "faq"
    HUMAN_HANDOFF = "human_handoff"
    SMALLTALK = "smalltalk"
    THANKS = "thanks"
    END = "end"
    ABUSE = "abuse"
    OUT_OF_SCOPE = "out_of_scope"


class Mood(StrEnum):
    """How a topic is meant: the rule is asked, the own case is asked, it shall be done, it is complained about."""

    ASK_RULE = "ask_rule"
    ASK_OWN = "ask_own"
    DO = "do"
    COMPLAIN = "complain"
    NONE = "none"


class Action(StrEnum):
    """What may be done with a reading: run its intent, ask which of the candidates, search articles, nothing."""

    ACT = "act"
    ASK = "ask"
    KNOWLEDGE = "knowledge"
    NONE = "none"


INTENTS: Final = tuple(Intent)
MOODS: Final = tuple(Mood)
WRITING: Final = frozenset(
    {
        Intent.ORDER_CHANGE_ADDRESS,
        Intent.CANCEL_REQUEST,
        Intent.RETURN_REQUEST,
        Intent.EXCHANGE_REQUEST,
        Intent.REFUND_REQUEST,
        Intent.TICKET,
        Intent.RESTOCK_SUBSCRIBE,
        Intent.RESTOCK_MANAGE,
    }
)
TALK: Final = frozenset({Intent.SMALLTALK, Intent.THANKS, Intent.END, Intent.ABUSE, Intent.OUT_OF_SCOPE})
"""Intents that start no flow and call no tool."""

_CLAIMS: Final = frozenset(
    {Intent.CANCEL_REQUEST, Intent.RETURN_REQUEST, Intent.EXCHANGE_REQUEST, Intent.REFUND_REQUEST}
)

ACT_AT: Final = 0.75
ACT_MARGIN: Final = 0.20
ASK_AT: Final = 0.45
OUT_AT: Final = 0.45
"""From here on a text counts as being about something else, whatever its words."""


@dataclass(frozen=True, slots=True)
class Candidate:
    intent: Intent
    probability: float


@dataclass(frozen=True, slots=True)
class IntentReading:
    """All intents, most likely first; probabilities sum to 1. `source` is `model`, `rule:<name>` or `guard:<name>`."""

    text: str
    candidates: tuple[Candidate, ...]
    mood: Mood
    mood_probability: float
    source: str = "model"

    @property
    def top(self) -> Candidate:
        return self.candidates[0]

    @property
    def margin(self) -> float:
        return self.candidates[0].probability - self.candidates[1].probability

    @property
    def sure(self) -> bool:
        """Certain enough to act on, whatever the intent."""
        return self.top.probability >= ACT_AT and self.margin >= ACT_MARGIN

    @property
    def action(self) -> Action:
        """The thresholds of dialogue.md §2 step 5; a question about the rule never starts a writing flow."""
        top = self.top
        if top.probability < ASK_AT:
            return Action.KNOWLEDGE
        if not self.sure:
            return Action.NONE if self._leans_to_talk() else Action.ASK
        if top.intent in TALK:
            return Action.NONE
        if top.intent is Intent.FAQ or (top.intent in WRITING and self.mood is Mood.ASK_RULE):
            return Action.KNOWLEDGE
        return Action.ACT

    def choices(self) -> tuple[Intent, ...]:
        """What to offer when `action` is ask: at most three intents a flow stands behind, likeliest first."""
        worth = (c.intent for c in self.candidates[:5] if c.probability >= 0.05 and c.intent not in TALK)
        return tuple(worth)[:3]

    def _leans_to_talk(self) -> bool:
        return sum(c.probability for c in self.candidates if c.intent in TALK) >= 0.5


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    pattern: re.Pattern[str]
    intent: Intent
    mood: Mood


_NOT_ONES_PARCEL: Final = (
    "(?!.*(?:반품|교환|환불|취소|회수|수거|재입고|입고|보통|평균|대략|돈|돌려|사람주문|고객주문|손님주문|얼마나걸|며칠걸|몇일걸|어떻게|어케|방법|어디서(?:해|하|할|확인|보|봐|조회)"
    "|안(?:돼|되|뜨|나와|보)|안에서|못하|다른(?:쇼핑몰|사이트|데)|쿠팡|네이버|지마켓|11번가|g마켓|매장|가게|본사|화장실"
    "|지역|범위|시내|까지는|절차|환급|구매대행|입으면|기장|소매|발목|로그인|알았으니|고마워|고맙|감사해|감사합))"
)
"""What makes the words of a parcel mean something else: a claim, a rule, a measure, a page that does not work, another shop."""

# Read on the text without spaces and marks. Only what single letters cannot tell: the object decides over the verb.
_RULES: Final = (
    _Rule(
        "alert_withdrawn",
        re.compile(
            "(?:재입고|입고|품절).{0,6}(?:알림|알람|문자)(?:신청)?(?:한거|한것)?(?:을|를|은|는|좀)?"
            "(?:취소|해제|해지|삭제|철회|그만|꺼|끄|빼|지워|지울)"
        ),
        Intent.RESTOCK_MANAGE,
        Mood.DO,
    ),
    _Rule(
        "claim_withdrawn",
        re.compile("(?:반품|교환|환불)(?:신청|접수|요청)(?:한거|한것|한|건)?(?:을|를|은|좀)?(?:취소|철회)"),
        Intent.CLAIM_STATUS,
        Mood.ASK_OWN,
    ),
    _Rule(
        "where_is_it",
        re.compile(
            f"^{_NOT_ONES_PARCEL}.*(?:어디(?:쯤|즘|쯔음|까지|만큼)(?:에|을|를)?(?:왔|와|오|옵|온|가|갔|간|있|도착|배송|이에|이예|예요|에요|일까|인가|인지|지나)"
            "|(?:택배|소포|물건|배송|주문한(?:거|것|건)?|시킨(?:거|것|건)?|산거|내꺼|제꺼)(?:이|가|은|는|도)?(?:지금|현재)?(?:어디(?:에|야|예|있|지|임|로|$)|(?:대체|도대체|아직)?왜?안(?:와|오|왔|옴))"
            "|(?:택배|소포|물건|배송|주문한(?:거|것|건)?|시킨(?:거|것|건)?|산거)(?:이|가|은|는)?언제(?:쯤|즘)?(?:와|오|옵|올|도착|받))"
        ),
        Intent.SHIPPING_INQUIRY,
        Mood.ASK_OWN,
    ),
    _Rule(
        "tracking_named",
        re.compile(
            f"^{_NOT_ONES_PARCEL}.*(?:배송|택배|송장|운송장)(?:조회|추적|현황|상태|위치)(?:를|을|는|은|좀|도)?(?:한번|빨리|바로)?"
            "(?:해|하|할|알려|보여|볼|봐|확인|부탁|궁금|요|여|욤|염|용|점|좀|되나|될까|[?]|$)"
        ),
        Intent.SHIPPING_INQUIRY,
        Mood.ASK_OWN,
    ),
    _Rule(
        "order_named",
        re.compile(
            f"^{_NOT_ONES_PARCEL}.*(?:주문|구매)(?:내역|조회|상태|내용|정보|목록|확인|현황)(?:를|을|는|은|좀|도)?(?:한번|빨리|바로)?"
            "(?:해|할|알려|보여|볼|봐|확인|부탁|궁금|요|여|욤|염|용|점|좀|$)"
        ),
        Intent.ORDER_LOOKUP,
        Mood.ASK_OWN,
    ),
    _Rule(  # dialogue.md §5: the way of ordering in general, unlike "주문은 어떻게 해요" of who wants a thing now
        "how_ordering_works",
        re.compile("^(?:혹시|저기요|안녕하세요)?주문하려면(?:어떻게|어케|어떡|우째)"),
        Intent.FAQ,
        Mood.ASK_RULE,
    ),
)
_RULE_PROBABILITY: Final = 0.97

# Concepts that say nothing about a shop. A text with no other concept has nothing a flow could rest on, whatever its
# letters look like; one that names another company is likely about that company.
# fmt: off
_NO_GROUND: Final = frozenset({
    "can", "want", "how", "when", "past", "mine", "negative", "why", "urgent", "check", "change", "recommend",
    "phone", "hello", "askperm", "ack", "feeling", "weather", "you", "daily", "coding", "study", "write",
    "finance", "news", "health", "place", "media", "fortune", "cook", "household", "civic", "inject", "philos",
    "smalltask", "curse", "gibberish", "thanks", "praise", "bye", "nomore", "complainopen", "event", "member",
})
# fmt: on
_ELSEWHERE: Final = frozenset({"health", "othershop", "inject", "coding", "civic", "fortune", "cook", "household"})
_GUARDED: Final = 0.60


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Weights of two linear models over the same hashed features. Immutable, safe to share between threads."""

    weights: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    temperatures: tuple[float, float]
    corpus_digest: str

    @staticmethod
    @cache
    def load() -> "IntentModel":
        """The shipped weights. Raises FileNotFoundError when the package was built without them."""
        with resources.files("sangdam.nlu").joinpath("weights.npz").open("rb") as file, np.load(file) as stored:
            return IntentModel(
                weights=stored["weights"],
                scale=stored["scale"],
                bias=stored["bias"],
                temperatures=(float(stored["temperatures"][0]), float(stored["temperatures"][1])),
                corpus_digest=str(stored["corpus_digest"]),
            )

    def classify(self, text: str) -> IntentReading:
        """Read one clause or a whole message. A text without any letter or digit is smalltalk of even odds."""
        found = features(text)
        logits = self.bias.copy()
        for group in (found.surface, found.meaning):
            if len(group):
                logits += self.weights[group].sum(axis=0, dtype=np.int32) * (self.scale / np.float32(len(group) ** 0.5))
        intents = _softmax(logits[: len(INTENTS)] / self.temperatures[0])
        moods = _softmax(logits[len(INTENTS) :] / self.temperatures[1])
        source = "model"
        rule = _rule_for(text)
        if rule is not None and rule.mood is Mood.ASK_OWN and intents[INTENTS.index(Intent.OUT_OF_SCOPE)] >= OUT_AT:
            rule = None  # the words of a parcel, but not of one from here
        if rule is not None:
            intents = intents * (1 - _RULE_PROBABILITY)
            intents[INTENTS.index(rule.intent)] += _RULE_PROBABILITY
            source = f"rule:{rule.name}"
        else:
            guard = _guard_for(found.concepts)
            best = int(intents.argmax())
            excess = float(intents[best]) - _GUARDED
            if guard is not None and excess > 0 and INTENTS[best] not in TALK:
                intents[best] = _GUARDED
                intents[INTENTS.index(Intent.OUT_OF_SCOPE)] += excess
                source = f"guard:{guard}"
        order: list[int] = np.argsort(-intents, kind="stable").tolist()
        odds: list[float] = intents.tolist()
        mood = int(moods.argmax())
        return IntentReading(
            text=text,
            candidates=tuple(Candidate(INTENTS[i], odds[i]) for i in order),
            mood=MOODS[mood] if rule is None else rule.mood,
            mood_probability=float(moods[mood]) if rule is None else _RULE_PROBABILITY,
            source=source,
        )


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def _guard_for(concepts: frozenset[str]) -> str | None:
    if concepts & _ELSEWHERE:
        return "elsewhere"
    return None if concepts - _NO_GROUND else "no_ground"


def _rule_for(text: str) -> _Rule | None:
    tight = plain(text).replace(" ", "")
    return next((rule for rule in _RULES if rule.pattern.search(tight)), None)


def read_intents(text: str, model: IntentModel) -> tuple[IntentReading, ...]:
    """One reading per request of a message, in the order written; a single reading of the whole when clauses agree.

    Greetings and thanks around a request are dropped. Of a long story without a sure reading as a whole, the last
    sentence that is sure speaks: requests come at the end.
    """
    whole = model.classify(text)
    clauses = split_clauses(text)
    if len(clauses) == 1:
        return (_of_story(whole, model),)
    readings = _in_turn(replace(model.classify(finished(clause)), text=clause) for clause in clauses)
    requests = tuple(
        _merged(each for each in readings if each.top.intent not in TALK and each.top.probability >= ASK_AT)
    )
    if not requests:
        return (_of_story(whole, model),)
    if len(requests) == 1 and (requests[0].top.intent is whole.top.intent or whole.sure):
        return (whole,) if whole.top.intent not in TALK else requests
    return requests


def _in_turn(readings: Iterator[IntentReading]) -> Iterator[IntentReading]:
    """ "취소하고 싶은데 언제 환불되나요": who only now wants a claim cannot ask how it is going, but what the rule is."""
    wished = False
    for reading in readings:
        if wished and reading.top.intent is Intent.CLAIM_STATUS:
            others = tuple(c for c in reading.candidates if c.intent not in (Intent.CLAIM_STATUS, Intent.FAQ))
            freed = reading.top.probability + next(c.probability for c in reading.candidates if c.intent is Intent.FAQ)
            yield replace(
                reading,
                candidates=(Candidate(Intent.FAQ, freed), *others, Candidate(Intent.CLAIM_STATUS, 0.0)),
                mood=Mood.ASK_RULE,
                source="rule:not_yet_claimed",
            )
        else:
            yield reading
        wished = wished or (reading.top.intent in _CLAIMS and reading.mood in (Mood.DO, Mood.ASK_OWN))


def _of_story(whole: IntentReading, model: IntentModel) -> IntentReading:
    if whole.sure and whole.top.intent not in TALK:
        return whole
    parts = sentences(whole.text)
    if len(parts) == 1:
        return whole
    for part in reversed(parts):
        reading = model.classify(part)
        if reading.sure and reading.top.intent not in TALK:
            return replace(reading, text=whole.text)
    return whole


def _merged(readings: Iterator[IntentReading]) -> Iterator[IntentReading]:
    """Neighbours with one intent are one request; the surer one speaks for both."""
    held: IntentReading | None = None
    for reading in readings:
        if held is None:
            held = reading
        elif held.top.intent is reading.top.intent:
            held = max(held, reading, key=lambda each: each.top.probability)
        else:
            yield held
            held = reading
    if held is not None:
        yield held


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled row of the corpus."""

    text: str
    intent: Intent
    mood: Mood


def parse_rows(tsv: str) -> tuple[Utterance, ...]:
    """Rows `text<TAB>intent<TAB>mood`. Raises ValueError on a wrong label or a missing column."""
    fields = [line.split("\t") for line in tsv.splitlines() if line]
    return tuple(Utterance(text, Intent(intent), Mood(mood)) for text, intent, mood in fields)


def corpus() -> dict[str, str]:
    """The shipped training files by name, sorted: labelled rows (.tsv) and the words of concepts (.txt)."""
    folder = resources.files("sangdam.nlu").joinpath("corpus")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith((".tsv", ".txt"))), key=lambda file: file.name
    )
    return {file.name: file.read_text("utf-8") for file in files}


def corpus_digest() -> str:
    """SHA-256 over names and contents of the training files; the weights carry the one they were trained on."""
    return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in corpus().items()).encode()).hexdigest()
