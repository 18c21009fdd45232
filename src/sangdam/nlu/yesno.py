"""Is it a yes? Strict for anything that writes: the whole message must say so and nothing else.

The returned 'unclear' means "ask once more with buttons"; None means the message is about something else.
"""

from __future__ import annotations

import re
from typing import Literal

from sangdam.nlu.normal import Normal

Polarity = Literal["offer", "ok_check"]
YesNo = Literal["yes", "no", "unclear"]

_END = r"(?:이?요|용|염|여|욤|욥|욧|유|영|욘|이용|이염)?"
_YES_SHORT = (
    r"(?:네에+|네|넵|넹|넴|넨|넷|녜|늬에|넿|예에+|예압|예쓰|예쓸|예스|예|옙|옛|얩|얍|으응|응|웅|엉|ㅇㅋ|ㅇ"
    r"|오케이|오키도키|오키|오케|옥케이|옼|콜|okay|okey|okie|ok|yes|yep|yeah|yup|sure)"
)
_DO = (
    r"(?:해주세[요여용염욤]|해주세|해주[셔시]요|해줘요?|해줘[라여]|해주십시오|해주시(?:면|기)[가-힣]{0,6}|해주실래요|해달라고?요?|해쥬세[요여용]|해죠요?"
    r"|할게요?|할께요?|할게[여욤용]|하겠습니다|할래요?|하죠|하자|합시다|합니다|해요|해여|해용|해|할랭"
    r"|부탁[드해합해요려립니다릴할게께용염여욤이]{0,6}|부탁|진행해주세요|처리해주세요|도와주세요|시켜주세요|신청할게요)"
)
_YES_PHRASE = (
    rf"(?:맞(?:아|습니다|네|죠|지|음|는데|는거같아)|맞|그래|그랭|구랭|그람|그럼|그러[세셔자죠지][요]?|그러세|그럴게|그럴께|그럽시다|좋(?:아|습니다|네|지|죠|음|은데)|조아|죠아"
    rf"|당연하[죠지]|당연히|당근(?:이죠|이지)?|물론(?:이죠|이지|입니다)?|그렇(?:게|습니다|죠|지|네)(?:{_DO})?|진행{_DO}|고고|{_DO})"
)
_YES_LOOSE = r"(?:확인했(?:어|습니다|음)|확인완료|확인|ㄱ|굿|good|넘좋|알겠(?:어|습니다)|알았어)"
_STRICT_YES = rf"(?:(?:{_YES_SHORT}|{_YES_PHRASE}){_END})"
_LOOSE_YES = rf"(?:(?:{_YES_SHORT}|{_YES_PHRASE}|{_YES_LOOSE}){_END})"
_OKAY = rf"(?:(?:괜찮|갠찮|괜춘|괜찬)(?:아|습니다|네|음|은데)?{_END})"
_NO = (
    r"(?:(?:아니에|아니예|아닙니다|아닌데|아닌것같아|아니오|아니야|아니|아뇨|아뇽|아녀|아녕|아닝|아뉘|아닌|아님|안녀|ㄴ|노우|노|놉|nope|nah|no"
    r"|싫(?:어|습니다|은데|음|네)|시러|됐(?:어|습니다|네|음)|됬(?:어|습니다|네|음)|됫어|필요(?:는)?없(?:어|습니다|을것같아|는데|음)?|필요업[어]"
    r"|안(?:할래|할게|할께|할랭|할거야|할거예|할거에|할꺼|해도(?:돼|되)|해|합니다|하겠습니다|하고싶어|받을래|받을게|받을께|바꿀래|바꿀게|살래|돼|되)|앙대|안대|안되|못해"
    r"|다음에(?:할게|할께|할래|하죠|하겠습니다|해)?|담에(?:할게|할래)?|나중에(?:할게|할께|할래|하죠|하겠습니다|해)?"
    r"|하지(?:말아주세|마세|마|말아|말자|않을게|않을래|않겠습니다)|하지마라|그만(?:할게|할께|할래|둘게|둘께|둘래|해|두겠습니다)?"
    r"|취소(?:할게|할께|할래|해주세|해|하겠습니다)?|틀(?:려|렸어|립니다|렸습니다|린데|렸는데|리네|렸네)|거절(?:할게|합니다)?|별로|말아주세|말래|말자|마세|사양할게|아직(?:이|은)?)"
    rf"{_END})"
)
_LEAD = r"(?:아+|어+|음+|앗|오+|와|흠+|저|그)?"
_FILL = r"(?:이대로|그대로|그렇게|그걸로|그거로|그걸루|이걸로|이거로|이렇게|빨리|얼른|바로|지금|어서|꼭|제발|좀|그냥|잘|걍|우선|일단|먼저){0,3}"

_YES_STRICT = re.compile(rf"{_FILL}(?:{_STRICT_YES}{_FILL}){{1,6}}")
_YES_WIDE = re.compile(rf"{_LEAD}{_FILL}(?:{_LOOSE_YES}{_FILL}){{1,6}}")
_NO_ALL = re.compile(rf"{_LEAD}{_FILL}(?:{_NO}{_FILL}){{1,6}}")
_YES_THEN_NO = re.compile(rf"{_LEAD}(?:{_LOOSE_YES}){{1,5}}(?:{_NO}){{1,5}}")
_NO_THEN_YES = re.compile(rf"{_LEAD}(?:{_NO}){{1,5}}(?:{_LOOSE_YES}){{1,5}}")
_OKAY_ONLY = re.compile(rf"{_LEAD}(?:{_OKAY}){{1,3}}(?:안해도(?:돼|되){_END})?")
_YES_OKAY = re.compile(rf"{_LEAD}(?:{_LOOSE_YES}){{1,5}}(?:다|전)?(?:{_OKAY}){{1,3}}")
_NO_OKAY = re.compile(rf"{_LEAD}(?:(?:{_NO}){{1,5}}(?:{_OKAY}){{1,3}}|(?:{_OKAY}){{1,3}}(?:{_NO}){{1,5}})")
_HEM = re.compile(r"(?:아|어|음|앗|오)+(?=네|넵|넹|예|응|그래|맞)")
_WORD_END = r"(?:이?요|용|염|여|욤|욥|유)?"
# \x00 stands for the question's own verb.
_OWN_VERB = re.compile(
    rf"(?P<yes>(?:{_STRICT_YES}){{0,4}}){_FILL}\x00(?:을|를|도|으로|로)?{_FILL}(?P<tail>\x00?(?:{_DO}|주세|주[셔시]|줘|주십시오|주실래|달라고|할게|드려|원해|원합니다|희망합니다"
    rf"|할래|갈게|하고싶어|고싶어|고싶습니다|하려고|을게|을께|ㄹ게|받을게|받을래|쥬세|죠)?{_WORD_END})(?:{_STRICT_YES}){{0,4}}"
)
_OWN_VERB_NO = re.compile(
    rf"{_LEAD}(?:{_NO}){{0,3}}(?:\x00(?:은|는|을|를)?(?:안|못){_DO}?|(?:안|못)\x00{_DO}?|\x00(?:하)?지(?:는)?(?:마|말|않|안)[가-힣]{{0,6}}|\x00(?:은|는)?(?:{_NO})|(?:안|못)\x00[가-힣]{{0,4}})"
    rf"{_WORD_END}"
)
_CANCEL_NO = re.compile(
    rf"{_LEAD}(?:{_NO}){{0,3}}(?:취소|해지)(?:를|는|은)?(?:안(?:할래|할게|할께|해|합니다|할거)[가-힣]{{0,3}}|하지(?:마|말|않)[가-힣]{{0,5}}|필요없[가-힣]{{0,3}})"
)
_CANCEL_YES_STEMS = ("취소", "해지")
_CANCEL_WORD = re.compile(r"(?:주문|이거|그거|아|음|그냥|그럼)?(?:취소|해지)(?:요|용|염|여|욤|이요)?")
_BARE_TAIL = re.compile(r"(?:이?요|용|염|여|욤|욥|유)?")
_OPENS_YES = re.compile(rf"{_YES_SHORT}")

_GREETING = re.compile(
    r"안녕(?:하세[요여용염]|하십니까)?|안뇽|수고(?:하십니다|많으십니다|많으세[요여])|저기[요여]|여보세[요여]|하이|ㅎㅇ|hello|hi"
)
_THANKS = re.compile(
    r"(?:미리|정말|진짜|너무|넘|늘|항상|답변|안내|도와주셔서|친절하게)*(?:감사(?:합니다|해[요여용염]|드려[요여]|드립니다|드려|함당|합니당|염|요)?|고맙(?:습니다|네요)|고마워(?:요|여|용|염)?|ㄱㅅ|ㄳ+|땡큐|쌩유|thankyou(?:somuch)?|thanks|thx)"
)


def courtesy_free(bare: str) -> str:
    """`bare` text of a message without its greetings and thanks."""
    rest = bare
    while True:
        lead = _GREETING.match(rest) or _THANKS.match(rest)
        if lead is None or lead.end() == 0 or (lead.end() < len(rest) and rest[lead.end()] in "한하해"):
            break
        rest = rest[lead.end() :]
    for m in _THANKS.finditer(rest):
        if m.end() == len(rest):
            return rest[: m.start()]
    return rest


def read_yes_no(
    normal: Normal,
    *,
    polarity: Polarity = "offer",
    verbs: tuple[str, ...] = (),
    strict: bool = False,
    cancel_question: bool = False,
) -> YesNo | None:
    """Read an answer to a yes/no question.

    polarity: 'offer' for "…할까요?", 'ok_check' for "…괜찮으세요?"; decides 괜찮아요. verbs: stems of the question's own
    verb as the shopper would write them before 주세요 ('바꿔', '접수', '신청', '변경'). strict: the question confirms a
    write or a consent. cancel_question: yes would cancel or stop something, so a bare 취소 says nothing.
    """
    if normal.asks or not normal.bare:
        return None
    said = courtesy_free(normal.bare)
    if not said or len(said) > 40 or any(char.isdigit() for char in said):
        return None

    if _OKAY_ONLY.fullmatch(said):
        return "yes" if polarity == "ok_check" and "안해도" not in said else "no"
    if _YES_OKAY.fullmatch(said):
        return "yes" if polarity == "ok_check" else "unclear"
    if _NO_OKAY.fullmatch(said):
        return "no" if polarity == "offer" else "unclear"

    if cancel_question:
        verbs = (*verbs, *(stem for stem in _CANCEL_YES_STEMS if stem not in verbs))
        if _CANCEL_WORD.fullmatch(said):
            return "unclear"
        if _CANCEL_NO.fullmatch(said):
            return "no"
    own = _own_verb(said, verbs)
    if own is not None:
        return own

    if _NO_ALL.fullmatch(said):
        return "no"
    if _YES_STRICT.fullmatch(said):
        return "yes"
    if _YES_WIDE.fullmatch(said):
        if not strict:
            return "yes"
        hem = _HEM.match(said)
        return "unclear" if hem is not None and _YES_STRICT.fullmatch(said, hem.end()) else None
    if _YES_THEN_NO.fullmatch(said):
        return "no"
    if _NO_THEN_YES.fullmatch(said):
        return "unclear"
    return None


def _own_verb(said: str, verbs: tuple[str, ...]) -> YesNo | None:
    marked = said
    for verb in sorted(verbs, key=len, reverse=True):
        marked = marked.replace(verb, "\x00")
    if "\x00" not in marked:
        return None
    # 주문 취소해 주세요, 취소 접수해 주세요: the thing and the verb may both be named.
    marked = re.sub(r"\x00+", "\x00", marked.removeprefix("주문"))
    if _OWN_VERB_NO.fullmatch(marked):
        return "no"
    m = _OWN_VERB.fullmatch(marked)
    if m is None:
        return None
    if m["yes"] or not _BARE_TAIL.fullmatch(m["tail"].replace("\x00", "")):
        return "yes"
    return "unclear"
