"""How well a shopper's words name a product, and what to ask the shop for. Pure.

Likeness is measured on letters, as everywhere in `nlu`: 린넨 셔스 and 린넨 셔츠 differ in one letter of ten.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from sangdam.nlu import normalise, product_phrase
from sangdam.nlu.jamo import decompose, likeness

DECISIVE_SCORE, DECISIVE_MARGIN = 0.80, 0.15
GOOD_SCORE = 0.60
"""From here on a search has found what was meant, one of several perhaps."""
LEAST_SCORE = 0.45
_WORD = re.compile(r"[0-9A-Za-z가-힣]+")
_LIKE_ENOUGH = 60.0
"""Of 100: below, two words have nothing to do with one another."""
_MOST_PIECES = 20


def key_of(text: str) -> str:
    """What two spellings of one name have in common: no spaces, marks or case."""
    return normalise(text).bare


def without_particles(query: str) -> str:
    """`린넨 셔츠는` → `린넨 셔츠`; the query itself where no thing is left."""
    return product_phrase(normalise(query)) or query.strip()


def searches(query: str) -> Iterator[tuple[str, ...]]:
    """What to ask the shop's search for, one after the other while nothing good is found: names any of which may be contained.

    The query, without its particles, its longest noun; then its pieces, which a typing slip leaves whole somewhere.
    """
    if not _WORD.search(query):
        return
    bare = without_particles(query)
    nouns = sorted(_WORD.findall(bare), key=len, reverse=True)
    asked: set[tuple[str, ...]] = set()
    for names in ((query.strip(),), (bare,), tuple(nouns[:1]), _pieces(nouns, 2), _pieces(nouns, 1)):
        if names and names not in asked:
            asked.add(names)
            yield names


def _pieces(nouns: Sequence[str], size: int) -> tuple[str, ...]:
    found = dict.fromkeys(noun[at : at + size] for noun in nouns for at in range(max(1, len(noun) - size + 1)))
    return tuple(found)[:_MOST_PIECES]


def score(query: str, name: str) -> float:
    """0–1: half for the words of the query that the name has, half for the pairs of letters they share.

    Of the query as it stands and without its particles the better: either may lose a word of the name.
    """
    found = _WORD.findall(name.casefold())
    asked = (_WORD.findall(text.casefold()) for text in (query, without_particles(query)))
    return max((_score(sought, found) for sought in asked if sought and found), default=0.0)


def _score(sought: Sequence[str], found: Sequence[str]) -> float:
    left, right = "".join(sought), "".join(found)
    return 1.0 if left == right else round(0.5 * _words_shared(sought, found) + 0.5 * _pairs_shared(left, right), 3)


def _words_shared(sought: Sequence[str], found: Sequence[str]) -> float:
    """Longer words count for more; a slip costs what it changes."""
    whole = "".join(found)
    told = sum(len(word) * (1.0 if word in whole else _nearest(word, found)) for word in sought)
    return told / sum(map(len, sought))


def _nearest(word: str, found: Sequence[str]) -> float:
    best = max(likeness(word, each) for each in (*found, "".join(found)))
    return best / 100 if best >= _LIKE_ENOUGH else 0.0


def _pairs_shared(left: str, right: str) -> float:
    """Dice's measure."""
    mine, others = _pairs(left), _pairs(right)
    total = mine.total() + others.total()
    return 2 * (mine & others).total() / total if total else 0.0


def _pairs(text: str) -> Counter[tuple[str, str]]:
    return Counter(itertools.pairwise(decompose(text)))


def decisive(scores: Sequence[float]) -> bool:
    """Whether the first of these, best first, is meant and no other."""
    if not scores or scores[0] < DECISIVE_SCORE:
        return False
    return len(scores) == 1 or round(scores[0] - scores[1], 3) >= DECISIVE_MARGIN
