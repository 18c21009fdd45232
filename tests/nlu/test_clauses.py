"""Where a message is cut into requests, and where it must not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.nlu.clauses import finished, sentences, split_clauses

ONE = """
주문하고 싶어요
받아보고 결정할게요
입어보고 반품할지 정할게요
취소하고 다시 주문할게요
취소하고 재주문하려고요
취소하고 새로 주문해도 되나요
반품하고 싶어요
반품하고 싶은데 어떻게 하나요
반품하고 싶은데 가능한가요
취소하고 환불해주세요
반품하고 환불받을게요
사이즈 교환하고 싶은데 어떻게 하나요
안녕하세요. 취소할게요
안녕하세요, 배송 언제 와요?
셔츠랑 바지 취소해주세요
셔츠하고 바지 교환해주세요
양말과 모자 재고 있나요
블랙이랑 화이트 재고 있어요?
교환이랑 환불 규정이 어떻게 돼요
교환과 반품 조건 알려주세요
취소나 환불 되나요
주문하고 기다리는데 언제 오나요
입금하고 문자 보냈어요
상담원하고 통화하고 싶어요
직원하고 얘기하고 싶어요
사람이랑 얘기할래요
결제하고 배송 언제 돼요
엄마랑 아빠 선물 추천해주세요
어제 주문했는데 배송 언제 와요
3/2에 주문했는데 아직도 배송준비중이네요 언제 발송되나요?
옷은 받았어요. 근데 사이즈가 작아요. 교환하고 싶어요.
어제 원피스를 샀어요. 집에 와서 보니 똑같은 게 있네요. 취소 부탁드려요.
포장 뜯었는데 반품되나요
취소했는데 환불 언제 되나요
반품했는데 환불은요?
감사합니다, 취소할게요
배송비랑 배송기간 알려주세요
로그인하고 결제하면 되나요
사진 보고 샀는데 색이 달라요 교환해주세요
교환하고 나서 반품할 수 있나요
입고되고 나면 알려주세요
주문하고 며칠 걸려요
주문번호 20260314-0000127, 010-1234-5678 취소요
M이랑 L이랑 얼마나 차이나요
환불하고 싶습니다
취소하고 싶으면 어떻게 해요
집 앞에 두고 가주세요
세일이랑 쿠폰 같이 되나요
배송 받고 결제해도 되나요
1,200원 더 입금했어요
"""

TWO = """
환불하고 주소도 바꿔주세요 | 환불 | 주소도 바꿔주세요
배송조회랑 재고 질문이요 | 배송조회 | 재고 질문이요
취소하고 싶은데 언제 환불되나요 | 취소하고 싶은데 | 언제 환불되나요
교환이요 주소도 | 교환이요 | 주소도
교환하려는데 L 재고 있어요? | 교환하려는데 | L 재고 있어요?
배송지 변경하고 사이즈도 바꿔주세요 | 배송지 변경 | 사이즈도 바꿔주세요
배송 언제 와요? 그리고 쿠폰은 어디서 써요? | 배송 언제 와요? | 쿠폰은 어디서 써요?
반품 접수해 주시고 환불은 언제 되는지 알려주세요 | 반품 접수해 주시고 | 환불은 언제 되는지 알려주세요
재고 있나요? 배송은 며칠 걸려요? | 재고 있나요? | 배송은 며칠 걸려요?
반품할게요 / 적립금 문의도 있어요 | 반품할게요 | 적립금 문의도 있어요
배송조회, 교환 문의요 | 배송조회 | 교환 문의요
취소랑 주소변경이요 | 취소 | 주소변경이요
사이즈 교환하고 싶은데 왕복배송비 제가 내나요 | 사이즈 교환하고 싶은데 | 왕복배송비 제가 내나요
주소 바꿔주시고 송장번호 알려주세요 | 주소 바꿔주시고 | 송장번호 알려주세요
재입고 언제 되나요? 알림도 신청할게요 | 재입고 언제 되나요? | 알림도 신청할게요
취소 부탁드려요. 그리고 쿠폰 다시 쓸 수 있나요? | 취소 부탁드려요. | 쿠폰 다시 쓸 수 있나요?
배송비 얼마예요 그리고 반품은 며칠까지 돼요 | 배송비 얼마예요 | 반품은 며칠까지 돼요
환불해주세요 그리고 상담원 연결도요 | 환불해주세요 | 상담원 연결도요
영수증 발급해주세요. 배송은 언제 오나요? | 영수증 발급해주세요. | 배송은 언제 오나요?
취소해 주세요\\n주소는 그대로 두고 적립금 확인해주세요 | 취소해 주세요 | 주소는 그대로 두고 적립금 확인해주세요
송장번호 알려주세요, 영수증도 부탁드려요 | 송장번호 알려주세요 | 영수증도 부탁드려요
소재가 뭐예요? 배송비는 얼마예요? | 소재가 뭐예요? | 배송비는 얼마예요?
반품하고 싶은데 배송비 얼마예요 | 반품하고 싶은데 | 배송비 얼마예요
취소하려는데 쿠폰은 돌려주나요 | 취소하려는데 | 쿠폰은 돌려주나요
재고 있어요? 있으면 배송 언제 되나요? | 재고 있어요? | 있으면 배송 언제 되나요?
교환 신청하고 적립금도 확인해주세요 | 교환 신청 | 적립금도 확인해주세요
알림 해제해주시고 주문 취소도 해주세요 | 알림 해제해주시고 | 주문 취소도 해주세요
주문내역 보여주세요 그리고 배송지도 바꿀게요 | 주문내역 보여주세요 | 배송지도 바꿀게요
사이즈 추천해주세요! 교환은 무료인가요? | 사이즈 추천해주세요! | 교환은 무료인가요?
환불 언제 되나요? 상담원 연결해주세요 | 환불 언제 되나요? | 상담원 연결해주세요
배송 언제 되나요 쿠폰도 안 써져요 | 배송 언제 되나요 | 쿠폰도 안 써져요
재고랑 가격 알려주세요 | 재고 | 가격 알려주세요
"""


@pytest.mark.parametrize("text", ONE.strip().splitlines())
def test_one_request_stays_whole(text: str) -> None:
    assert split_clauses(text) == (text,)


@pytest.mark.parametrize("line", TWO.strip().splitlines())
def test_two_requests_are_cut_between_them(line: str) -> None:
    text, *clauses = line.replace("\\n", "\n").split(" | ")
    assert split_clauses(text) == tuple(clauses)


def test_three_requests_are_cut_twice() -> None:
    text = "배송조회 해주시고 주소도 바꿔주세요. 그리고 쿠폰은 어떻게 써요?"
    assert split_clauses(text) == ("배송조회 해주시고", "주소도 바꿔주세요.", "쿠폰은 어떻게 써요?")


def test_there_are_at_least_eighty_labelled_cases() -> None:
    assert len(ONE.strip().splitlines()) + len(TWO.strip().splitlines()) >= 80


def test_an_open_end_is_finished_for_reading() -> None:
    assert finished("반품 접수해 주시고") == "반품 접수해 주세요"
    assert finished("취소하고 싶은데") == "취소하고 싶어요"
    assert finished("교환하려는데") == "교환하려고요"
    assert finished("환불") == "환불해 주세요"
    assert finished("배송 언제 와요?") == "배송 언제 와요?"


@given(st.text(alphabet="환불취소하고 그리주소도바꿔요.,/?\n배송조회랑재고", max_size=60))
def test_no_letter_of_a_message_is_lost_but_connectives(text: str) -> None:
    parts = split_clauses(text)
    assert parts
    assert all(part in text for part in parts)


@given(st.text(max_size=80))
def test_sentences_are_never_empty_tuples(text: str) -> None:
    assert sentences(text)
