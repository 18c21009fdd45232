"""Boards, their first posts and the urgent inquiries."""

from datetime import date, timedelta
from random import Random

from cafe24_sandbox.cast import CONSULT_BOARD, NOTICE_BOARD, QNA_BOARD, REVIEW_BOARD, Cast
from cafe24_sandbox.model import Article, Board, Comment, CustomerMemo, Mall, Memo, Urgent
from cafe24_sandbox.times import at_kst

BOARDS = (
    Board(NOTICE_BOARD, 1, "공지사항", 1, reply=False, comment=False),
    Board(3, 2, "자유게시판", 2),
    Board(REVIEW_BOARD, 5, "상품 사용후기", 3),
    Board(QNA_BOARD, 5, "상품 Q&A", 4),
    Board(CONSULT_BOARD, 7, "1:1 맞춤상담", 5, secret_only=True, comment=False),
)
NOTICES = (
    "추석 연휴 배송 안내",
    "적립금 정책 안내",
    "교환·반품 접수 방법",
    "신상품 업데이트 안내",
    "고객센터 운영시간 안내",
)
QUESTIONS = (
    ("사이즈 문의드려요", "<p>평소 66 입는데 어떤 사이즈가 맞을까요?</p>"),
    ("재입고 언제 되나요?", "<p>품절된 색상이 다시 들어오는지 궁금해요.</p>"),
    ("배송 언제 되나요?", "<p>어제 주문했는데 언제 출발하나요?</p>"),
    ("세탁 방법이 궁금해요", "<p>세탁기에 돌려도 되나요?</p>"),
    ("비침이 있나요?", "<p>흰색은 비치는 편인가요?</p>"),
)
REVIEWS = ("잘 입고 있어요", "색이 예뻐요", "생각보다 얇아요", "선물했는데 좋아하네요", "배송이 빨라요")


def put_posts(mall: Mall, cast: Cast, start_day: date, rng: Random) -> None:
    for board in BOARDS:
        mall.boards[board.no] = board
        mall.articles[board.no] = {}
    members = list(mall.customers.values())
    products = [p.no for p in mall.products.values() if p.display]
    for index, title in enumerate(NOTICES):
        at = at_kst(start_day - timedelta(days=20 + 40 * index), 9, 30)
        put(
            mall, Article(0, NOTICE_BOARD, at, "달빛샵", title, f"<p>{title} 내용이에요.</p>", "127.0.0.1", notice=True)
        )
    for index in range(60):
        member, (title, content) = rng.choice(members), QUESTIONS[index % len(QUESTIONS)]
        at = at_kst(start_day - timedelta(days=60 - index), 11, rng.randrange(60))
        answered = index < 45
        question = Article(
            0, QNA_BOARD, at, member.name, title, content, "127.0.0.1", writer_email=member.email,
            member_id=member.member_id, product_no=rng.choice(products), secret=index % 3 == 0, channel="M",
            reply_status="C" if answered else "N", hit=rng.randrange(30),
        )  # fmt: skip
        put(mall, question)
        if answered:
            answer = Article(
                0, QNA_BOARD, at + timedelta(hours=4), "달빛샵", f"Re: {title}", "<p>문의 주셔서 감사해요. 확인해 드릴게요.</p>",
                "127.0.0.1", parent_no=question.no, depth=1, sequence=2, member_id=mall.id,
                product_no=question.product_no, secret=question.secret, reply_status="C", reply_user=mall.id,
            )  # fmt: skip
            put(mall, answer)
    for index in range(40):
        member = rng.choice(members)
        at = at_kst(start_day - timedelta(days=120 - 2 * index), 20, rng.randrange(60))
        title = REVIEWS[index % len(REVIEWS)]
        review = Article(
            0, REVIEW_BOARD, at, member.name, title, f"<p>{title}.</p>", "127.0.0.1", member_id=member.member_id,
            product_no=rng.choice(products), rating=rng.choice((3, 4, 5, 5)), hit=rng.randrange(200),
        )  # fmt: skip
        put(mall, review)
        if index % 8 == 0:
            number = mall.serial("comment", 71)
            mall.comments[number] = Comment(
                number, REVIEW_BOARD, review.no, "후기 감사해요.", "달빛샵", at + timedelta(days=1), member_id=mall.id
            )
    haneul = cast.shopper("김하늘")
    order_id = haneul.orders["delivered"]
    consult = Article(
        0, CONSULT_BOARD, at_kst(start_day - timedelta(days=3), 21, 14), haneul.name, "교환 절차가 궁금해요",
        "<p>받은 원피스를 다른 사이즈로 바꾸고 싶어요.</p>", "127.0.0.1", member_id=haneul.member_id, order_id=order_id,
        secret=True, channel="M",
    )  # fmt: skip
    put(mall, consult)
    put_urgents(mall, cast, start_day)
    order = mall.orders[order_id]
    order.memos.append(Memo(mall.serial("memo", 61), order.at + timedelta(hours=1), mall.id, "선물 포장 요청 확인"))
    number = mall.serial("customer-memo", 11)
    mall.customer_memos[number] = CustomerMemo(
        number, haneul.member_id, mall.id, "교환 문의 이력이 있어요.", False, at_kst(start_day - timedelta(days=3), 22)
    )


def put(mall: Mall, article: Article) -> None:
    article.no = mall.serial("article", 3001)
    mall.articles[article.board_no][article.no] = article


def put_urgents(mall: Mall, cast: Cast, start_day: date) -> None:
    for index, (kind, title, content, status) in enumerate(
        (
            ("배송", "급합니다", "배송지를 바꿔 주세요.", "F"),
            ("취소", "주문을 취소하고 싶어요", "아직 출발 전이면 취소해 주세요.", "F"),
            ("상품", "색상이 달라요", "주문한 색과 달라 보여요.", "T"),
        )
    ):
        shopper = cast.shopper("한소라")
        at = at_kst(start_day - timedelta(days=index + 1), 22)
        number = mall.serial("urgent", 15)
        urgent = Urgent(
            number, kind, title, shopper.name, shopper.member_id, at, content, shopper.phone, "O",
            shopper.orders["return_requested"], status,
        )  # fmt: skip
        if status == "T":
            urgent.reply, urgent.replied, urgent.reply_user = (
                "확인하고 연락드릴게요.",
                at + timedelta(hours=10),
                mall.id,
            )
        mall.urgents[number] = urgent
