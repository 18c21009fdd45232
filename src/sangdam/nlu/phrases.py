"""Phrases that mean the same in every state: a person, stop, start over, again, why, wait, end; and rude words.

A word alone is not a phrase: '받는 사람 바꿔 주세요' asks for no person and '왜 안 와요' for no reason. Courtesy is
removed before reading, so '안녕하세요 상담원이요' asks for a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sangdam.nlu.normal import Normal
from sangdam.nlu.yesno import courtesy_free

GlobalKind = Literal[
    "person",
    "cancel_flow",
    "restart",
    "repeat",
    "why",
    "wait",
    "end",
    "language",
    "nothing",
    "greeting",
    "thanks",
    "abuse",
]
Language = Literal["ko", "en"]
AbuseLevel = Literal[0, 1, 2, 3]
Gravity = Literal["legal", "safety", "fraud"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is open while the message is read.

    flow_running: a flow is under way. question_open: some question waits. asks_yes_no: that question is yes/no.
    cancel_question: its yes would cancel or stop something, so 취소 alone is left to the yes/no reader.
    """

    flow_running: bool = False
    question_open: bool = False
    asks_yes_no: bool = False
    cancel_question: bool = False


@dataclass(frozen=True, slots=True)
class Global:
    """One phrase. language is set for 'language', level for 'abuse'."""

    kind: GlobalKind
    language: Language | None = None
    level: AbuseLevel = 0


_Y = r"(?:이?요|용|염|여|욤|욥|욧|유|이?에요|예요|입니다)?"
_PLEASE = (
    r"(?:해?주세[요여용염욤]|해?주십시오|해?주실[래수]?[가-힣]{0,5}|해?줘요?|해?줘[여라]|해달라[가-힣]{0,3}|해?쥬세[요여용]|해?주시[가-힣]{1,5}|할게요?|할께요?|할래요?|하고싶[가-힣]{1,4}|싶[가-힣]{1,4}|하겠습니다|해요|해여"
    r"|부탁[가-힣]{0,6}|원해요?|원합니다|가능[가-힣]{0,5}|되나[요여]|될까[요여]|돼[요여]|해|주|좀|바랍니다){0,5}"
)

_STAFF = r"(?:상담(?:원|사|언|웜|윈|직원|우ㅓㄴ)|상[딤댬닫댐단당](?:원|사|언)|성담원|안내원|담당자|담당하시는|직원|매니저|관리자|책임자|점장|팀장|사장)(?:분|님){0,6}"
_PERSON_ALONE = re.compile(
    rf"(?:아|네|그냥|그럼|빨리|얼른|당장|제발|저|좀|진짜|아니|아니요|다른){{0,6}}(?:{_STAFF}|사람|인간|진짜사람)(?:이랑|하고|과|와|한테|에게|으로|을|를|좀|이)?(?:직접)?"
    rf"(?:연결|통화|대화|상담|얘기|이야기|말|불러|바꿔|연락|전화|호출|나와|나오라고|데려와|보내|찾아)?(?:을|를|좀)?{_PLEASE}{_Y}"
)
_STAFF_ASKED = re.compile(
    rf"{_STAFF}(?:이랑|랑|하고|과|와|한테|에게|으로|로|을|를|좀|이|께|분){{0,6}}(?:직접|빨리|바로|좀|지금|통해서){{0,6}}"
    r"(?:연결|통화|대화|얘기|이야기|바꿔|바꾸|불러|부르|상담하|상담받|상담할|상담부탁|말하고|말씀|전화|나와|나오|없나|없어|없으|있나|계신|계세|계시|원해|원합|부탁|찾|필요(?!없)|호출|물어|직통|넘겨|돌려|할게|할께|할래|채팅|바까|데려|대기|소환|다시부탁)"
)
_HUMAN_ASKED = re.compile(
    r"(?:사람|인간)(?:이랑|하고|과|와|한테|에게|으로|을|를|좀)?(?:직접|좀|지금){0,6}(?:연결|통화|대화(?!하는)|얘기(?!하는)|이야기(?!하는)|바꿔|불러|상담하|상담받|상담할|상담해|말하고|말할|얘기하(?!는)|할래|할게|없나요|없어요|나와|나오라|바꾸라|바까|답해)"
    r"|(?:기계|로봇|봇|챗봇|ai|에이아이|인공지능)(?:이?)말고"
    r"|통화(?:되는|가능한|할수있는|하고싶|가능할까|연결(?!이)|원해|원합|할게|부탁|좀|해주)"
    r"|(?:싫어요|말고|아니고)(?:상담원|상담사|직원|사람)(?:이요|요)$|callmeback|(?:^고객센터|고객상담실|상담실|상담|콜센터)(?:으로|로|을|를|좀|에)?연결|콜백|전화로(?:얘기|이야기|말|상담|통화|할게|해)|전화(?:한통|한번|좀)(?:만)?(?:주|부탁|해주|해줘|하고싶|할수)|전화해주실|(?:실시간|일대일|1:1|11)상담(?:하고싶|원해|원합|받고싶|부탁|요청)|통화(?:하면|한번하고|하고)|전화(?:로)?(?:상담(?!은|이|시간|가능시간)|연결(?!이?안|도안|이잘|이되)|좀주세|좀줘|주세[요여]|주시|줘요|줘여|줘$|부탁|통화)"
    r"|(?:talk|speak|connect|chat|transfer)(?:me)?(?:to|with)(?:a|an|the)?(?:real|live)?(?:human|person|agent|someone|representative|staff|operator)"
    r"|^(?:저한테|좀|빨리|제발|꼭){0,2}연락(?:좀|을)?(?:주세[요여]|부탁드립니다|부탁드려[요여]|부탁해요|바랍니다|바래요)$|(?:real|phone)(?:person|support)please|getmea(?:manager|human)|(?:iwant|give)(?:me)?a(?:real)?(?:human|person)|(?:call|have someone call)meplease|nobots|customerservicerep|(?:to|with)(?:your|the|a)manager|customersupportstaff|connectmetocustomer|talktosupport|^(?:human|agent|representative|operator|realperson|liveagent|humanplease|agentplease)$"
)
_NOT_PERSON = re.compile(
    r"(?:받는|받을|받으실|받으시는|보내는|보낼|주문한|주문하신|구매한|결제한|입금한|산|수령|배송받을)(?:사람|담당자|직원|분|인간)"
    r"|(?:상담원|상담사|직원|담당자|사람)(?:연결)?(?:은|는)?(?:말고|필요없|안|싫|아니)"
    r"|전화번호알려|전화를|(?:배송|배달|도착|오면|들어오면|나오면|입고|오기|출발|기사|경비)[가-힣]{0,8}(?:전화|연락|통화)"
)

_LET_IT = r"(?:아|아니|아니요|그냥|이제|음|네|저|일단|걍|됐고){0,6}"
_CANCEL_WORD = re.compile(rf"{_LET_IT}(?:취소|cancel){_Y}")
_CANCEL_THAT = re.compile(
    rf"{_LET_IT}(?:방금(?:그거|거|그건|한거|말한거)?|지금(?:하던거|거)|하던거|아까그거)(?:는|은)?취소{_PLEASE}{_Y}"
)
_STOP = re.compile(
    rf"{_LET_IT}(?:그만|고만)(?:할게|할께|할래|할랭|둘게|둘께|둘래|두겠습니다|두고싶어|하자|하죠|해|하겠습니다|하고싶어|할래요|할란다|해주세|두자|두죠|하렵니다)?{_Y}"
    rf"|{_LET_IT}(?:관둘게|관둘래|때려칠래|없던걸로|없던일로|취소하고나갈게|stop|nevermind|forgetit){_PLEASE}{_Y}"
)
_NOT_DOING = re.compile(
    rf"{_LET_IT}(?:안(?:할래|할게|할께|할랭|할란다|하고싶어|할거야|할거예|하겠습니다|합니다|해도돼|해도될것같아)|하기싫어|하지않을게|나중에(?:할게|할께|할래|다시할게|하죠|하겠습니다|올게)?|다음에(?:할게|할께|할래|하죠)?)"
    rf"{_Y}"
)
_FORGET = re.compile(rf"{_LET_IT}(?:그건|그거|이건)?(?:됐(?:어|습니다|고|네)|됬(?:어|습니다)|됫어)(?:그만|안할래)?{_Y}")
_RESTART = re.compile(
    r"(?:아|아니|그냥|맨|다시|전부|다|네|일단){0,6}(?:처음으로|처음부터|처음화면|첫화면|메뉴|메인|메인메뉴|초기화|홈으로|홈|리셋|restart|startover|menu|mainmenu)(?:로|으로|를|을|좀|화면){0,6}(?:다시)?"
    rf"(?:돌아가|돌아갈게|돌아갈래|돌아가고싶어|돌아가기|가|갈게|갈래|가기|가고|보여|볼게|볼래|시작|하기|해|할게|할래|하자|하고싶어)?{_PLEASE}{_Y}"
)
_REPEAT = re.compile(
    r"(?:네|예|엥|응|잉|에|뭐|뭐라구|뭐라고)\?|\?"
    r"|(?:네|아|저기|죄송한데|잠깐|지금|방금){0,6}(?:뭐라고|뭐라구|뭐라고하|뭐라하)(?:요|여|용|셨어요|셨나요|셨죠|하셨어요|하셨나요|했어요|했죠|했지|는거예요|는거에요|신거예요|그랬어요)?\??"
    r"|(?:네|아|죄송한데|미안한데|저기){0,6}다시(?:한번|한번만|한번더)?(?:만|더|좀)?(?:말|말씀|얘기|설명|질문|물어|물어봐|말해|알려|안내)(?:을|좀)?"
    rf"{_PLEASE}{_Y}\??"
    r"|(?:한번더|한번만더|다시한번|다시한번만)(?:요|이요|말해|말씀|부탁|알려)?" + rf"{_PLEASE}{_Y}\??"
    r"|(?:질문|그게|방금|지금)?(?:이)?(?:못들었|못봤|못읽었|이해가?안(?:돼|되|가|갔)|이해를?못|무슨(?:말|뜻|소리|얘기))[가-힣]{0,8}\??"
    r"|(?:say)?(?:that)?(?:again|repeat|pardon|sorry)(?:please)?\?*|what\?|cometagain|whatdidyousay\??|repeatthat(?:please)?"
)
_WHY = re.compile(
    r"(?:그건|그게|그걸|그거|이건|이게|이거|이걸|근데|아니|아|네|음|번호는|번호를|인증은|인증을|이름은|이름을|전화번호는|전화번호를|주소는|저기){0,6}"
    r"(?:왜(?:요|용|여|염|죠|지|지요|그런거예요|그런데요|그래요|그런가요)?|왜(?:필요|물어|묻|달라|알아야|알려줘야|알려야|알려드려야|해야|적어야|입력해야|인증|확인해야|요구)[가-힣]{0,10}|이유가(?:뭐|무엇|있)[가-힣]{0,6}|어디에?(?:쓰나|쓰려|쓰시|쓰는거|쓰는데|쓰는건|쓸|사용하|이용하)[가-힣]{0,5}|무슨이유[가-힣]{0,5})\??"
    r"|왜(?:인증|번호|전화번호|폰번호|휴대폰번호|이름|주소|개인정보|그게|그걸|이게|이걸|그거|이거|제번호|내번호|본인확인|인증번호)(?:가|를|을|은|는|도)?(?:필요|물어|묻|달라|알아야|알려줘야|알려|해야|받|요구|입력|적어|줘야)[가-힣]{0,10}\??"
    r"|(?:but)?why(?:isthat|doyouneed(?:that|it|this|mynumber|myphone|myphonenumber)?|doyouask)?\??"
)
_WAIT = re.compile(
    r"(?:네|넵|아|어|앗|음|저|일단|그럼|지금){0,6}(?:(?:잠깐|잠시|잠만|잠간|쟘깐|잠시만|잠깐만|잠간만|쪼금만|조금만|좀만|잠만만)(?:만)?(?:요|용|염|여|욤|이요)?|기다려|기달려|이따가|좀이따|금방)"
    r"(?:만)?(?:기다려|기달려|확인|찾아|보고|볼게|올게|다시올게|할게){0,6}"
    rf"{_PLEASE}{_Y}"
    r"|(?:네|넵|아|음|잠깐만요?|잠시만요?|그럼|일단|지금){0,6}(?:주문번호|번호|주소|송장|핸드폰|폰|문자|메일|카톡|영수증|그거|한번|지금|좀){0,6}(?:를|을|좀|부터|도|한번){0,6}(?:찾아|확인해|보고|알아)(?:보고|볼게|볼께|보겠습니다|볼테니|올게|올께|오겠습니다|볼게여|볼께여|봐야|봐야해)"
    r"(?:요|용|여|염)?(?:다시)?(?:말씀드릴게|알려드릴게|올게|올께|적을게|연락드릴게|오겠습니다)?(?:요|여|용)?(?:잠깐만|잠시만)?(?:요|여)?"
    r"|wait(?:aminute|asec|please|amoment)?|holdon(?:please)?|one(?:moment|sec|second)(?:please)?|just(?:amoment|asec|asecond|aminute)(?:please)?|ㄱㄷ+"
)
_END_ALWAYS = re.compile(
    rf"(?:네|넵|아|이제|그럼|음|상담|대화|채팅|다됐으니|됐고){{0,6}}(?:을|를)?(?:종료|끝낼게|끝낼께|끝내|나갈게|나갈께|나가겠습니다|마칠게|마치겠습니다|닫을게|닫아){_PLEASE}{_Y}"
    r"|bye+|goodbye|byebye|바이+|바이바이|빠이|ㅂㅂ|ㅂㅇ|endchat|end|thatsall|that'sall"
)
_END_QUIET = re.compile(
    r"(?:네|넵|아|그럼|이제|오늘){0,3}(?:수고(?:하셨(?:어요|습니다|어여)|요|염|여|많으셨(?:어요|습니다))?|ㅅㄱ(?:ㅇ|ㅅㄱ|요|염)?|ㅂ2|빠이요?|굿바이|잘있어요?|잘가요?|가볼게요?|가볼께요?|갈게요|또올게요|다음에또올게요|다음에봐요|또연락드릴게요|다음에또문의할게요|나중에또물어볼게요|창닫을게요|나가기|나갈래요?|나가볼게요|퇴장|로그아웃할게요|(?:질문|용건|상담|대화|문의)끝(?:이요|났어요|났습니다|내자|낼게요)?|끝났어요|다끝났(?:어요|습니다)|다물어봤어요|볼일끝났어요|이만(?:끝낼게|나갈게|가볼게|가보겠습니다|줄일게)(?:요|여)?)(?:이만|감사합니다)?"
    r"|(?:네|아니|아니요|아뇨|이제){0,2}(?:다른|추가로?|더는|더이상은?|더이상의|이제)(?:문의|궁금한(?:건|거|게)|질문|볼일|물어볼거|도와줄거)?(?:은|는|이|가|도)?없(?:어요|습니다|네요|을것같아요)(?:이제|더)?"
    rf"|(?:네|넵|아|이제|그럼|음|오늘은|여기까지|저는|다){{0,6}}(?:끝|이만|그럼이만|수고하세|수고하셔|수고하십시오|수고해|수고링|수고욤|여기까지만|여기까지|들어가세|안녕히계세|안녕히가세|이제없어|없어그럼){_Y}(?:할게|갈게|감사)?{_Y}"
    rf"|(?:네|아니|아니요|아뇨|이제|음|아|더){{0,6}}(?:더(?:이상)?)?(?:물어볼|궁금한|문의할|필요한|여쭤볼|도움필요한)(?:거|것|게|건|사항은?|거는)?(?:이제|더|더이상)?(?:없어|없습니다|없네|없는데|없을것같아){_Y}"
    rf"|(?:아니|아니요|네|아뇨){{0,6}}(?:이제없어|이제없습니다|더없어|더없습니다|다됐어|다됐습니다|해결됐어|해결됐습니다|해결됐네|다해결됐어){_Y}"
)
_GREETING = re.compile(
    r"(?:네|아|저|음){0,6}(?:안녕(?:하세[요여용염]|하십니까|하신가요)?|안뇽(?:하세[요여용])?|하이+|하잉|헬로우?|ㅎㅇ+|hi+|hello|hey|hithere|저기[요여]?|저기욥|여보세[요여]|반가워[요여]?|반갑습니다|계세[요여]|계신가[요여]|누구없(?:나요|어요)|아무도없(?:나요|어요)"
    r"|좋은(?:아침|하루|오후|저녁)(?:이에요|입니다)?|수고(?:하십니다|많으십니다|많으세[요여])|굿모닝|처음뵙겠습니다"
    r"|(?:뭐|하나|뭐하나|몇가지|뭣){0,6}(?:좀)?(?:여쭤볼게|여쭤볼께|여쭤보고싶|여쭤볼려고|여쭤봐도|물어볼게|물어볼께|물어보고싶|물어봐도|문의드릴게|문의드려|문의드립니다|문의좀할게|질문있|질문이있|질문좀|문의있|문의가있|궁금한게있)[가-힣]{0,7})+\??"
)
_THANKS = re.compile(
    r"(?:ok|okay|great|perfect|gotit|네|넵|넹|예|아|아하|오|와|정말|진짜|너무|넘|많이|매우|늘|항상|빠른|친절한|답변|안내|상담|도움|확인|해주셔서|도와주셔서|알려주셔서|빨리|주셔서|덕분에|알겠습니다|알겠어요|그렇군요){0,6}"
    r"(?:감사(?:합니다|해[요여용염욤]|해|드려[요여]|드립니다|드려|함당|합니당|염|요|여|르)?|고맙(?:습니다|네요|당|다|소)?|고마워(?:요|여|용|염|유|라)?|캄사(?:합니다)?|ㄱㅅ+|ㄳ+|땡큐+|쌩유|탱큐|thankyou(?:somuch|verymuch)?|thank[su](?:alot|somuch)?|manythanks|appreciateit|cheers|thx|ty"
    r"|도움(?:이)?(?:많이)?됐(?:어요|습니다|네요)|친절하시네요|친절하세요|최고(?:예요|에요|네요|입니다))+(?:수고하세요)?[~!]*"
)
_BACKCHANNEL = re.compile(
    r"(?:음|흠|흐음|아|오|어|엥|헐|와|우와|앗|아하|아항|아놔|에고|에휴|휴|쩝|그렇군요?|그렇구나|그렇구만|그렇네요?|글쿤요?|그르네요?|ㅇㅎ|ㅁ|ㄷ|하|허|호|후|저런|저|그|흐|웅|키|ㄹㅇ|그쵸?|그죠|그러게요?|hmm|um+|oh|ah|lol|haha){1,8}"
)
_ACKNOWLEDGE = re.compile(
    r"(?:네|넵|넹|넴|네네|예|옙|응|웅|ㅇ|ㅇㅋ|아|오|오키|오케이|ok|okay|알겠(?:습니다|어요|어여|슴다)|알았어요?|확인했(?:습니다|어요)|이해했(?:습니다|어요)|그렇군요|그렇구나|아하){1,6}(?:요|용|염)?"
)
_YES_OPENING = re.compile(r"(?:네|넵|넹|예|응|웅|ㅇㅇ|ㅇㅋ|옙|오케이|ok)")
_TO_ENGLISH = re.compile(
    r"(?:영어|잉글리쉬|잉글리시)로?(?:로|도)?(?:좀|만)?(?:말|말씀|답|답변|안내|대화|상담|얘기|설명|해|부탁|가능|할수|바꿔|변경|전환|되나|돼|하고)[가-힣]{0,9}\??|영어(?:요|로요)?|english"
    r"|(?:can|could|do|please)?(?:you|we|i)?(?:speak|use|switchto|changeto|in|talkin)?english(?:please|ok|okay|now)?\??|inenglish(?:please)?|canwespeakenglish\??|isenglish(?:ok|possible|available)\??|englishplease|canispeakenglish\??"
)
_TO_KOREAN = re.compile(
    r"(?:한국어|한국말|우리말|한글)(?:로)?(?:좀|만)?(?:말|말씀|답|답변|안내|대화|상담|얘기|설명|해|부탁|가능|할수|바꿔|변경|전환|되나|돼|하고)[가-힣]{0,9}\??|(?:한국어|한국말|우리말)(?:요|로요|로)?|korean|(?:in|speak|switchto)?korean(?:please)?\??"
)

_FILLER = re.compile(
    r"(?:아니|아니요|아+|저기|하|참|어휴|에휴|허|진짜|근데|그런데|도대체|대체|이봐요|저)+(?:진짜|근데|그런데|도대체|그게|대체|좀|그){0,6}"
)
_PLAINT = re.compile(
    r"왜|언제|도대체|대체|어떻게|어떡|어디|뭐|무슨|얼마나|몇번|몇일|며칠|안와|안오|안왔|안돼|안되|못받|못했|늦|답답|짜증|화나|말이돼|말이되|너무|장난|어이없|황당|아직|이게|없잖|했잖|라니|다니|냐고|하냐|[가-힣](?:는거|은거|ㄴ거)(?:예|에)요"
)
_COMPLAINT = re.compile(
    r"답답|짜증|빡[치쳐]|열받|화(?:가|나|난|났)|불만|항의|어이[가]?없|황당|기가막|기막|불친절|실망|최악|엉망|형편없|말이(?:돼|되|안)|장난하|장난[합치]|도대체|대체왜|언제까지|몇번(?:째|을|이나|말)|[두세네한](?:번째)?(?:째)?말씀드|번째(?:말|얘기|문의|전화|연락|같은)|왜이렇게|왜이리|왜케|왤케|이게뭐|너무(?:늦|오래|느리|하시|하네|한거|한것|불편|심하)|넘(?:늦|느리|오래|하)|속터|미치겠|환장|죽겠|해도(?:너무|해도)|책임(?:져|지)|늦(?:네요|어요|잖)|무책임|성의|별로(?:네|예|에)|실화|뭐하(?:는|자)|그따위|이따위|후회|호구|어쩌라고|엉터리"
)

_LEGAL = re.compile(
    r"고소(?:할|하|장|합|취|인|당)|고발|소송|변호사|법적(?:조치|대응|으로|절차)|법대로|법으로|소비자(?:보호)?원|소보원|소비자(?:센터|고발|보호센터|상담센터|단체|분쟁)|공정위|공정거래|경찰(?:에|서에|신고|부|불)|민사|형사(?:고|처|소)|내용증명|분쟁조정|손해배상|(?:언론|방송|뉴스|기자)[가-힣]{0,4}제보|제보(?:할|하|합)|1372|신고(?:할|하겠|합니다|해버|해야|했|하려|들어|넣)|전자상거래법|lawsuit|sueyou|lawyer|police"
)
_NOT_LEGAL = re.compile(
    r"(?:현금영수증|소득|세금|부가세|연말정산|분실|관세|통관)[가-힣]{0,6}신고|법적으로(?:정해진)?(?:며칠|몇일|기간)|경찰(?:서|청)(?:앞|로|에|주소|근처|옆)|경찰복"
)
_SAFETY = re.compile(
    r"다쳤|다쳐서|(?<![가-힣])부상(?:을|당|입)|(?<![가-힣])화상(?!품|담|회|통|채)|데였|데었|알레르기(?:로|반응|(?:가\s?)?올라|(?:가\s?)?생겼|가?\s?났)|알러지(?:반응|(?:가\s?)?올라|(?:가\s?)?생겼|가?\s?났)|두드러기|(?<![가-힣])발진(?:이|도|생|났|올|\s)|응급|병원(?:에\s?(?:갔|가서|다녀|입원)|갔|가|비|치료)|식중독|배탈|(?<![가-힣])불이?\s?(?:났|나서|붙)|폭발|터졌어|감전|연기가|질식|(?<![가-힣])피가\s?(?:났|나[요서고]|흘)|베였|베었|찔렸|유해|발암|(?<![가-힣])자살|죽고\s?싶(?!냐|지|니)|목숨|피부(?:가|에)?(?:뒤집|트러블|염증|따가)|누전|과열"
)
_FRAUD = re.compile(
    r"사기(?:꾼|죄|당|쳤|치(?:는|네|지|고|냐|시)|네|잖|아니|예요|에요|이에요|인가|업체|사이트|쇼핑몰|같|로신고|입니까|임|야|야\?)|도용|해킹|피싱|스미싱|(?:제가|내가|저는|나는)?(?:결제|주문)(?:를|도)?(?:한적|안했는데|하지않았는데|안한)[가-힣]{0,8}(?:없|됐|결제|주문|돈|나갔|빠졌)|(?:모르는|안한)(?:결제|주문)|명의도용|먹튀|fraud|scam|hacked"
)
_NOT_FRAUD = re.compile(r"사기(?:전|힘|편|쉽|어렵|싫|좋|에는|위해|로했|로마음)|옷사기|살지말지")

_HANGUL_BEFORE = r"(?<![가-힣])(?:(?:아|야|와|이|에|어|저|진짜|개|이런|아오|아휴|그|이봐|니|네|너|이거|정말|뭐)\s*)?"
_ABUSE_1 = re.compile(
    rf"{_HANGUL_BEFORE}(?:[시씨쉬]+발(?!점|역|송|행|매|생|주|라|효|목|탄|달|견|전|표)|씨+바(?![가-힣])|시바(?:ㄹ|알|(?=\s|$))(?!견|이누)|쓰발|썅|쌍욕|ㅅ+ㅂ+|ㅆ+ㅂ+|ㅈㄴ|존나|졸라|조낸|좆|ㅈ같|ㅈ까|지랄|ㅈㄹ|젠장|제기랄|빌어먹을|염병|옘병|엿먹|개같은?|개떡|개판|개소리|우라질|니미|꺼져라?|꺼지라고|닥쳐라?|닥치고|닥치라|엿이나|육갑|귓구멍|싸가지|씨팔|시팔|개빡|좃같|(?:망할|썩을)(?=$|\s|\s?(?:놈|년))|육시랄|ㅁㅊ|ㄷㅊ|ㄲㅈ|미쳤(?:냐|나|니)|돌았(?:냐|나|니)|정신\s?나갔(?:냐|나|니)|아가리|주둥이|바보(?!같이\s?제가)|멍충이|돌대가리야?)"
    r"|ㅅㅂ|ㅆㅂ|\bshut up\b|\byou suck\b|\bgo to hell\b|(?:shit|damn|wtf|fuck(?!\s?you))"
)
_ABUSE_2 = re.compile(
    r"(?<![가-힣])(?:이|야|저|개|씨발|시발|미친|그|니|이런|병신|쌍|호로|또라이|너희|양아치|사기꾼)?\s?(?:새끼(?!용|때|들?\s?사료|손|발|고양|강아|양|돼지|오리|를\s?낳|줄|곰|사슴)|색끼|쉐끼|섀끼|시키야|ㅅㄲ|ㅄ|(?:호구|거지|벌레|씹|좆|쥐)\s?새끼|얼간이|멍텅구리|천치(?=$|야|들)|모지리|팔푼이|버러지|기생충\s?같은|화냥년|엄창|(?:느그|니네)\s?엄마|니\s?애비|나가\s?죽어|^죽어(?:라|버려)?[.!~\s]*$|새대가리|똥\s?같은\s?(?:챗봇|봇|놈|기계)|돌아이|돌대가리|빡대가리|닭대가리|돌머리|저능아|정신병자|씹새|개쓰레기|똥멍청이|인간\s?쓰레기|대가리가?\s?(?:비|빈)|찌질이|도둑놈|벌레\s?같은|니\s?엄마|(?:애|에)비\s?없|후레자식|쌍놈|변태(?:야|냐|새|$)|눈깔|(?:무식|더러운|미개|비열|치사|뻔뻔|한심|돌은)한?\s?(?:놈|년)|뇌(?:는|가|도)\s?(?:장식|없)|지능이?\s?(?:딸|떨|낮)|머리에\s?똥|뽀뽀해|병신|븅신|ㅂㅅ|등신|머저리|또라이|똘아이|찐따|쓰레기\s?(?:야|들|같은\s?(?:챗봇|봇|기계|놈|것|년|업체|회사|새|인간|쇼핑)|새)|양아치|거지\s?같은\s?(?:놈|년|것|새|업체)|미친(?:놈|년|새끼|것)|미친넘|썅년|썅놈|개년|걸레|창녀|호로(?:새|자|잡)|느금|애미|에미|니애미|니엄마|장애인\s?(?:이냐|새끼|같)|한남|김치녀|맘충|틀딱|짱깨|쪽발|멍청한?(?:이|아|\s?(?:깡통|놈|년|것|기계|봇|새|인간|ai)|하네|하냐|한가|해)?(?![가-힣]{0,4}실수)|깡통아?|돌대가리|개자식|(?:이|저|그)\s?(?:놈|년)(?:아|들|이|의)|사라져버려|없애야\s?돼|뒤져라?|뒈져|뒤질래|골빈)"
    r"|개새끼?(?!우)|\b(?:dumb (?:machine|bot|ass)|useless garbage|screw you|idiot|moron|stupid|bastard|bitch|asshole|retard)\b|fuck\s?(?:you|off)"
)
_ABUSE_3 = re.compile(
    r"죽이고\s?싶|폭파시|쳐들어간|두들겨\s?패|패고\s?싶|때려\s?부|맞고\s?싶|한\s?대\s?맞|싸대기|벗은\s?사진|몸매\s?보여|모텔\s?가|같이\s?자자|^(?:보지|자지)$|뒤지고\s?싶|뚝배기\s?(?:깬|깨\s?버|깨\s?줄)|집\s?주소\s?알아내|야한\s?(?:얘기|사진|말|거)\s?(?:해|보)|가슴\s?사진|find you and|죽여\s?(?:버린|버릴|버리|줄까|줄게|줄테|놓)|죽일\s?(?:거|꺼|게|테|년|놈)|죽이러|죽인다|죽고\s?싶(?:냐|어\?|지)|뒤질\s?줄|칼(?:로\s?(?:찌|쑤|죽|그어|담|베어\s?버)|\s?들고\s?(?:찾|가|간|갈|쫓)|부림)|찔러|찾아가(?:서|면)?\s?(?:죽|가만|엎|불|부|때|패|칼)|불\s?(?:질러|지르|지를|싸질)|폭탄\s?(?:설치|터뜨|던지|보내)|테러(?:할|한다|하)|패\s?(?:죽|버릴|버린)|때려\s?(?:죽|패)|가만\s?안\s?(?:둘|둔|둬)|밤길\s?조심|네\s?가족|니\s?가족|목을\s?(?:따|졸)|염산"
    r"|섹스|자위|(?<![가-힣])(?:보지|자지)(?:년|야|를?\s?(?:빨|보여|만))|야동|벗어\s?(?:봐|보|줘)|가슴\s?(?:보여|만지|사이즈\s?몇이야\s?너)|빨아\s?(?:줘|라|봐)|강간|성폭|몸\s?사진|kill\s?you|rape|\bsex\b|blow\s?job"
)
# Whole words in which a rude word is only a sound.
_INNOCENT = re.compile(
    r"욕실|의욕|시발점|시발역|다시\s?발송|새끼손가락|새끼발가락|새끼고양이|개나리|개새우|병신년|식칼로|칼로리|커터칼로|부엌칼로|칼로\s?(?:자른|뜯|잘|긁|베|열|개봉|그은)|칼로써|전구가\s?꺼져|바보사랑|멍청이\s?인형|방\s?구석|쌍욕실|미친\s?(?:듯이|가격|세일|할인|핏)|폭탄\s?(?:세일|할인|머리)|테러블|지랄탄|창녀촌|불닭|개같이\s?생긴|스테러|시바견|섹스\s?온|이\s?년\s?(?:전|동안|간|이|의)|니\s?가족관계"
)
_SCREEN_OFF = re.compile(
    r"(?:화면|전원|불|조명|램프|led|배터리|시계|앱|창|기기|핸드폰|폰)(?:이|가|은|는|도)?\s?(?:자꾸|계속|갑자기|막)?\s?꺼져"
)


def abuse_level(normal: Normal) -> AbuseLevel:
    """0 none, 1 rude word, 2 insult or slur, 3 threat or sexual. Anger without such words is 0."""
    text = normal.text.lower()
    if _INNOCENT.search(text):
        text = _INNOCENT.sub(" ", text)
    if "꺼져" in text:
        text = _SCREEN_OFF.sub(" ", text)
    if _ABUSE_3.search(text):
        return 3
    if _ABUSE_2.search(text):
        return 2
    return 1 if _ABUSE_1.search(text) else 0


def gravity(normal: Normal) -> Gravity | None:
    """Words after which a person should look: a legal threat, someone hurt, money gone by fraud."""
    bare = normal.bare
    if _SAFETY.search(normal.text):
        return "safety"
    if _LEGAL.search(_NOT_LEGAL.sub("", bare)):
        return "legal"
    return "fraud" if _FRAUD.search(_NOT_FRAUD.sub("", bare)) else None


def is_legal_threat(normal: Normal) -> bool:
    """True for legal, safety and fraud words alike: all three go to a person first."""
    return gravity(normal) is not None


def is_complaint(normal: Normal) -> bool:
    """Displeasure, abusive or not."""
    return _COMPLAINT.search(normal.bare) is not None


def is_filler_opening(normal: Normal) -> bool:
    """'아니 택배가 왜 안 와요': 아니 opens a complaint or a question and denies nothing."""
    m = _FILLER.match(normal.bare)
    if m is None or not normal.bare.startswith(("아", "하", "어휴", "에휴", "허", "참", "저기", "이봐")):
        return False
    rest = normal.bare[m.end() :]
    return bool(rest) and (normal.asks or _PLAINT.search(rest) is not None or _COMPLAINT.search(rest) is not None)


_COURTESY_LEAD = re.compile(
    r"(?:안녕\s?(?:하세[요여용염]|하십니까)?|안뇽하세[요여용]|수고\s?(?:하십니다|많으십니다|많으세[요여]|하세[요여])|저기[요여]|여보세[요여]|(?:hello|hi|hey)\b)[\s.,!~]*",
    re.IGNORECASE,
)
_COURTESY_TAIL = re.compile(
    r"(?<![\s.,!~])[\s.,!~]*(?:(?:미리|정말|진짜|너무|넘|항상)\s?){0,6}(?:감사\s?(?:합니다|해[요여용염]|드려[요여]|드립니다|함당|합니당)|고맙습니다|고마워[요여용]|ㄱㅅ+|ㄳ+|땡큐|수고\s?하세[요여]|(?:thanks|thank\s?you)(?:\s?so much)?)[\s.,!~]*$",
    re.IGNORECASE,
)


def strip_courtesy(normal: Normal) -> str:
    """`text` without the greeting it opens with and the thanks it ends with; "" when nothing else was said."""
    text = normal.text
    while lead := _COURTESY_LEAD.match(text):
        text = text[lead.end() :]
    return _COURTESY_TAIL.sub("", text).strip()


def read_global(normal: Normal, ground: Ground | None = None) -> Global | None:
    """The one phrase a message is, or None. Abuse is reported only when nothing else was read; see abuse_level."""
    ground = ground or Ground()
    if normal.is_empty:
        return Global("nothing")
    if len(normal.bare) > 60:
        return _long(normal)
    said = courtesy_free(normal.bare)
    asked = normal.compact.rstrip("~!.,")
    marked = said + "?" if normal.asks and (said or not normal.bare) else said

    if _asks_person(said):
        return Global("person")
    if _TO_ENGLISH.fullmatch(marked):
        return Global("language", language="en")
    if _TO_KOREAN.fullmatch(marked):
        return Global("language", language="ko")
    if _RESTART.fullmatch(said):
        return Global("restart")
    if _CANCEL_WORD.fullmatch(said):
        if ground.cancel_question or not ground.flow_running or ground.asks_yes_no:
            return None
        return Global("cancel_flow")
    if _CANCEL_THAT.fullmatch(said) or _STOP.fullmatch(said):
        return Global("cancel_flow")
    if not ground.asks_yes_no and _NOT_DOING.fullmatch(said):
        return Global("cancel_flow")
    if not ground.question_open and _FORGET.fullmatch(said):
        return Global("cancel_flow")
    if _REPEAT.fullmatch(asked) or _REPEAT.fullmatch(marked):
        return Global("repeat")
    if _WHY.fullmatch(marked):
        return Global("why")
    if _WAIT.fullmatch(said):
        return Global("wait")
    if _END_ALWAYS.fullmatch(normal.bare) or (said and _END_ALWAYS.fullmatch(said)):
        return Global("end")
    if not ground.question_open and (_END_QUIET.fullmatch(normal.bare) or (said and _END_QUIET.fullmatch(said))):
        return Global("end")
    quiet = _quiet(normal, ground)
    if quiet is not None:
        return quiet
    level = abuse_level(normal)
    return Global("abuse", level=level) if level else None


def _asks_person(said: str) -> bool:
    if not said:
        return False
    if _NOT_PERSON.search(said):
        return False
    return (
        _PERSON_ALONE.fullmatch(said) is not None
        or _STAFF_ASKED.search(said) is not None
        or _HUMAN_ASKED.search(said) is not None
    )


def _long(normal: Normal) -> Global | None:
    if _asks_person(normal.bare[-60:]):
        return Global("person")
    level = abuse_level(normal)
    return Global("abuse", level=level) if level else None


def _quiet(normal: Normal, ground: Ground) -> Global | None:
    """Greetings, thanks and back-channel; an answer to an open yes/no question is none of them."""
    marked = normal.bare + ("?" if normal.asks else "")
    if _GREETING.fullmatch(marked):
        return Global("greeting")
    if _THANKS.fullmatch(normal.bare):
        if ground.asks_yes_no and _YES_OPENING.match(normal.bare):
            return None
        return Global("thanks")
    if _BACKCHANNEL.fullmatch(normal.bare):
        if ground.asks_yes_no and normal.bare.startswith(("웅", "그쵸", "그죠", "그러")):
            return None
        return Global("nothing")
    if not ground.asks_yes_no and _ACKNOWLEDGE.fullmatch(normal.bare) and not normal.asks:
        return Global("nothing")
    return None


_HANGUL = re.compile(r"[가-힣ㄱ-ㅣ]")
_LATIN = re.compile(r"[A-Za-z]+")
_FOREIGN = re.compile(
    r"[\u0400-\u04ff\u0600-\u06ff\u0900-\u097f\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\u00c0-\u024f\u1e00-\u1eff]"
)


def language_of(normal: Normal) -> Literal["ko", "en", "other"] | None:
    """The language of a message; None when too little was written to tell (numbers, 'ok', a size)."""
    hangul = len(_HANGUL.findall(normal.text))
    foreign = len(_FOREIGN.findall(normal.text))
    words: list[str] = _LATIN.findall(normal.text)
    latin = sum(map(len, words))
    if hangul and hangul * 4 >= latin + foreign:
        return "ko"
    if foreign and foreign * 8 >= latin + hangul:
        return "other"
    if len(words) >= 2 or latin >= 5:
        return "en"
    return None
