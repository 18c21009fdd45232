"""Boards, posts with their answers and comments, and urgent inquiries."""

import ipaddress
from collections.abc import Callable
from datetime import timedelta

from cafe24_sandbox import mall as world
from cafe24_sandbox import render
from cafe24_sandbox.admin import Ask, Mixed, Route, each_row, links_of, page_of, window_of
from cafe24_sandbox.model import Article, Board, Comment, Urgent
from cafe24_sandbox.times import read_moment
from cafe24_sandbox.wire import INVALID_REQUEST, Fields, Obj, Refused, open_envelope

SEARCHES = ("subject", "content", "writer_name", "product", "member_id")


def list_boards(ask: Ask) -> Obj:
    return {"boards": [render.board(b) for b in sorted(ask.mall.boards.values(), key=lambda b: b.order)]}


def board_of(ask: Ask) -> Board:
    board = ask.mall.boards.get(int(ask.args[0])) if ask.args[0].isdecimal() else None
    if board is None:
        raise Refused(404, "Board not found.")
    return board


def get_board(ask: Ask) -> Obj:
    return {"board": render.board(board_of(ask))}


def put_board(ask: Ask) -> Obj:
    board = board_of(ask)
    row = open_envelope(ask.body, 1).request
    board.secret_only, board.use = row.flag("secret_only", board.secret_only), row.flag("use_board", board.use)
    board.reply, board.comment = row.flag("reply_feature", board.reply), row.flag("use_comment", board.comment)
    return {"board": render.board(board)}


# -- posts ------------------------------------------------------------------------------------------------------------


def matching_articles(ask: Ask, board: Board) -> list[Article]:
    q = ask.query
    window = window_of(ask, months=12)
    found = list(ask.mall.articles[board.no].values())
    if window is not None:
        found = [a for a in found if window[0] <= a.created <= window[1]]
    if numbers := q.texts("article_no"):
        found = [a for a in found if str(a.no) in numbers]
    search, keyword = q.choice("search", SEARCHES), q.text("keyword")
    if search is not None and keyword:
        found = [a for a in found if searched(ask, a, search, keyword)]
    if (state := q.choice("reply_status", ("N", "P", "C"))) is not None:
        found = [a for a in found if a.depth == 0 and a.reply_status == state]
    if (commented := q.choice("comment", ("T", "F"))) is not None:
        with_comment = {c.article_no for c in ask.mall.comments.values()}
        found = [a for a in found if (a.no in with_comment) == (commented == "T")]
    flags: dict[str, Callable[[Article], bool]] = {
        "attached_file": lambda a: bool(a.files),
        "has_product": lambda a: a.product_no is not None,
        "is_notice": lambda a: a.notice,
        "is_display": lambda a: a.display,
    }
    for name, holds in flags.items():
        if (wanted := q.choice(name, ("T", "F"))) is not None:
            found = [a for a in found if holds(a) == (wanted == "T")]
    kinds = q.texts("article_type")
    if kinds and "all" not in kinds:
        if any(k not in {"normal", "notice", "fixed"} for k in kinds):
            raise q.refuse("article_type", "is not a valid value.")
        found = [a for a in found if ("notice" if a.notice else "fixed" if a.fixed else "normal") in kinds]
    if (product := q.whole("product_no", 1)) is not None:
        found = [a for a in found if a.product_no == product]
    if (category := q.whole("board_category_no", 1)) is not None:
        found = [a for a in found if a.board_category_no == category]
    if (channel := q.choice("input_channel", ("P", "M"))) is not None:
        found = [a for a in found if a.channel == channel]
    return sorted(found, key=lambda a: (a.created, a.no), reverse=True)


def searched(ask: Ask, article: Article, search: str, keyword: str) -> bool:
    match search:
        case "subject":
            return keyword in article.title
        case "content":
            return keyword in article.content
        case "writer_name":
            return keyword in article.writer
        case "member_id":
            return keyword == article.member_id
        case _:
            product = ask.mall.products.get(article.product_no or 0)
            return product is not None and keyword in product.name


def list_articles(ask: Ask) -> Obj:
    found = matching_articles(ask, board_of(ask))
    page = page_of(ask, found, most=100, furthest=8000)
    return {"articles": [render.article(a) for a in page], "links": links_of(ask, len(found))}


def post_articles(ask: Ask) -> Obj | Mixed:
    board = board_of(ask)
    return each_row("articles", open_envelope(ask.body, 10), lambda row: write_article(ask, board, row))


def write_article(ask: Ask, board: Board, row: Fields) -> Obj:
    writer, title = row.needed("writer", most=100), row.needed("title", most=256)
    content, ip = row.needed("content"), row.needed("client_ip")
    try:
        ipaddress.ip_address(ip)
    except ValueError as broken:
        raise row.refuse("client_ip", "is not a valid IP address.") from broken
    posts = ask.mall.articles[board.no]
    parent = row.whole("reply_article_no", 1)
    if parent is not None and parent not in posts:
        raise Refused(404, "Article not found.")
    member = row.text("member_id", most=20)
    created = row.text("created_date")
    at = ask.now if created is None else read_moment(created)
    if at is None:
        raise row.refuse("created_date", "is not a valid date.")
    answers = sum(a.parent_no == parent for a in posts.values()) if parent is not None else 0
    article = Article(
        no=0,
        board_no=board.no,
        created=at,
        writer=ask.mall.settings.shop_name if member == ask.mall.id else writer,
        title=title,
        content=content,
        client_ip=ip,
        parent_no=parent,
        depth=0 if parent is None else 1,
        sequence=1 if parent is None else 2 + answers,
        writer_email=row.text("writer_email"),
        member_id=member,
        nick_name=row.text("nick_name", most=50),
        product_no=row.whole("product_no", 1),
        category_no=row.whole("category_no", 1),
        board_category_no=row.whole("board_category_no", 1),
        order_id=row.text("order_id", most=32),
        rating=row.whole("rating", 1, 5) or 0,
        sales_channel=row.text("sales_channel", most=20),
        reply_mail=row.choice("reply_mail", ("Y", "N")) or "N",
        secret=row.flag("secret") or board.secret_only,
        notice=row.flag("notice"),
        fixed=row.flag("fixed"),
        deleted=row.choice("deleted", ("T", "F", "B")) or "F",
        channel=row.choice("input_channel", ("P", "M")) or "P",
        reply=row.flag("reply"),
        reply_user=row.text("reply_user_id", most=20),
        reply_status=row.choice("reply_status", ("N", "P", "C")) or "N",
        files=[
            {"no": n, "name": f.needed("name"), "url": f.needed("url")}
            for n, f in enumerate(row.rows("attach_file_urls") or (), 1)
        ],
    )
    article.no = ask.mall.serial("article", 3001)
    world.post_article(ask.mall, article)
    shown = render.article(article) | {"reply_status": article.reply_status, "attached_file_detail": article.files}
    del shown["attach_file_urls"]
    return shown


def article_of(ask: Ask) -> Article:
    board = board_of(ask)
    article = ask.mall.articles[board.no].get(int(ask.args[1])) if ask.args[1].isdecimal() else None
    if article is None:
        raise Refused(404, "Article not found.")
    return article


def put_article(ask: Ask) -> Obj:
    article = article_of(ask)
    row = open_envelope(ask.body, 1).request
    title, content = row.text("title", least=1, most=256), row.text("content", least=1)
    rating = row.whole("rating", 1, 5)
    article.title, article.content = title or article.title, content or article.content
    article.rating = rating or article.rating
    article.display, article.notice = row.flag("display", article.display), row.flag("notice", article.notice)
    article.fixed = row.flag("fixed", article.fixed)
    return {"article": render.article(article) | {"attached_file_urls": article.files}}


def delete_article(ask: Ask) -> Obj:
    article = article_of(ask)
    del ask.mall.articles[article.board_no][article.no]
    return {"article": {"shop_no": 1, "board_no": article.board_no, "article_no": article.no}}


# -- comments ---------------------------------------------------------------------------------------------------------


def list_comments(ask: Ask) -> Obj:
    article = article_of(ask)
    number = ask.query.whole("comment_no", 1)
    rows = [
        render.comment(c)
        for c in ask.mall.comments.values()
        if c.article_no == article.no and (number is None or c.no == number)
    ]
    return {"comments": page_of(ask, rows, most=100, furthest=8000)}


def list_board_comments(ask: Ask) -> Obj:
    board = board_of(ask)
    since = ask.query.whole("since_comment_no", 1)
    rows = sorted((c for c in ask.mall.comments.values() if c.board_no == board.no), key=lambda c: c.no, reverse=True)
    if since is not None:
        rows = [c for c in rows if c.no < since]
    page = page_of(ask, rows, most=100, furthest=8000)
    here = f"{ask.base}/api/v2/admin{ask.path}"
    return {
        "comments": [
            render.comment(c) | {"links": [{"rel": "next", "href": f"{here}?since_comment_no={c.no}"}]} for c in page
        ]
    }


def post_comment(ask: Ask) -> Obj:
    article = article_of(ask)
    row = open_envelope(ask.body, 1).request
    content, writer = row.needed("content"), row.needed("writer", most=100)
    row.needed("password", most=20)
    comment = Comment(
        no=0,
        board_no=article.board_no,
        article_no=article.no,
        content=content,
        writer=writer,
        created=ask.now,
        member_id=row.text("member_id", most=20),
        rating=row.whole("rating", 1, 5) or 0,
        secret=row.flag("secret"),
        parent_no=row.whole("parent_comment_no", 1),
        channel=row.choice("input_channel", ("P", "M")) or "P",
    )
    comment.no = ask.mall.serial("comment", 71)
    world.post_comment(ask.mall, comment)
    return {"comment": render.comment(comment)}


def delete_comment(ask: Ask) -> Obj:
    article = article_of(ask)
    comment = ask.mall.comments.get(int(ask.args[2])) if ask.args[2].isdecimal() else None
    if comment is None or comment.article_no != article.no:
        raise Refused(404, "Comment not found.")
    del ask.mall.comments[comment.no]
    return {
        "comment": {
            "shop_no": 1,
            "board_no": article.board_no,
            "article_no": article.no,
            "comment_no": comment.no,
        }
    }


# -- urgent inquiries -------------------------------------------------------------------------------------------------


def list_urgents(ask: Ask) -> Obj:
    window = window_of(ask, months=None) or (ask.now - timedelta(days=90), ask.now)
    rows = [u for u in ask.mall.urgents.values() if window[0] <= u.created <= window[1]]
    rows.sort(key=lambda u: u.created, reverse=True)
    page = page_of(ask, rows, most=100, furthest=8000)
    return {"urgentinquiry": [render.urgent(u) for u in page], "links": links_of(ask, len(rows))}


def urgent_of(ask: Ask) -> Urgent:
    urgent = ask.mall.urgents.get(int(ask.args[0])) if ask.args[0].isdecimal() else None
    if urgent is None:
        raise Refused(404, "Urgent inquiry not found.")
    return urgent


def get_urgent_reply(ask: Ask) -> Obj:
    return {"reply": render.urgent_reply(urgent_of(ask))}


def write_urgent_reply(ask: Ask, *, first: bool) -> Obj:
    urgent = urgent_of(ask)
    row = open_envelope(ask.body, 1).request
    if first == (urgent.reply is not None):
        raise Refused(422, INVALID_REQUEST)
    content = row.needed("content")
    user = row.needed("user_id", most=20) if first else row.text("user_id", most=20)
    state = row.choice("status", ("F", "I", "T"))
    urgent.reply, urgent.replied = content, ask.now
    urgent.reply_user = user or urgent.reply_user
    urgent.status = state or ("F" if first else urgent.status)
    return {"reply": render.urgent_reply(urgent)}


def post_urgent_reply(ask: Ask) -> Obj:
    return write_urgent_reply(ask, first=True)


def put_urgent_reply(ask: Ask) -> Obj:
    return write_urgent_reply(ask, first=False)


READ, WRITE = "mall.read_community", "mall.write_community"
ARTICLES = "/boards/{board_no}/articles"
COMMENTS = f"{ARTICLES}/{{article_no}}/comments"
REPLY = "/urgentinquiry/{article_no}/reply"
ROUTES = (
    Route("GET", "/boards", READ, list_boards),
    Route("GET", "/boards/{board_no}", READ, get_board),
    Route("PUT", "/boards/{board_no}", WRITE, put_board),
    Route("GET", ARTICLES, READ, list_articles),
    Route("POST", ARTICLES, WRITE, post_articles),
    Route("PUT", f"{ARTICLES}/{{article_no}}", WRITE, put_article),
    Route("DELETE", f"{ARTICLES}/{{article_no}}", WRITE, delete_article),
    Route("GET", COMMENTS, READ, list_comments),
    Route("POST", COMMENTS, WRITE, post_comment),
    Route("DELETE", f"{COMMENTS}/{{comment_no}}", WRITE, delete_comment),
    Route("GET", "/boards/{board_no}/comments", READ, list_board_comments),
    Route("GET", "/urgentinquiry", READ, list_urgents),
    Route("GET", REPLY, READ, get_urgent_reply),
    Route("POST", REPLY, WRITE, post_urgent_reply),
    Route("PUT", REPLY, WRITE, put_urgent_reply),
)
