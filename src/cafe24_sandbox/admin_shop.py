"""The shop itself and its members: customers, shipping settings, store, order settings, the mall's own SMS, webhook log."""

from cafe24_sandbox import render
from cafe24_sandbox.admin import Ask, Route, page_of, window_of
from cafe24_sandbox.model import STATUS_NAMES, Customer, CustomerMemo
from cafe24_sandbox.times import iso
from cafe24_sandbox.wire import Fields, Obj, Refused, digits, flag, money, open_envelope

# -- members ----------------------------------------------------------------------------------------------------------


def list_customers(ask: Ask) -> Obj:
    """By full phone number or member id; one of both is needed. The answer holds no personal value."""
    phones, members = ask.query.texts("cellphone"), ask.query.texts("member_id")
    if not phones and not members:
        raise ask.query.refuse("cellphone", "or member_id is a required field.")
    plain = {digits(p) for p in phones or ()}
    return {
        "customers": [
            render.customer(c)
            for c in ask.mall.customers.values()
            if (not phones or digits(c.cellphone) in plain) and (not members or c.member_id in members)
        ]
    }


def customer_of(ask: Ask) -> Customer:
    customer = ask.mall.customers.get(ask.args[0])
    if customer is None:
        raise Refused(404, "Customer not found.")
    return customer


def matching_privacy(ask: Ask) -> list[Customer]:
    q = ask.query
    found = list(ask.mall.customers.values())
    if members := q.texts("member_id"):
        found = [c for c in found if c.member_id in members]
    keywords = q.texts("keyword")
    field = q.choice("search_field", ("id", "name", "hp", "tel", "mail", "shop_name")) or "id"
    if keywords:
        plain = {digits(k) for k in keywords}
        found = [
            c
            for c in found
            if {"id": c.member_id, "name": c.name, "mail": c.email}.get(field) in keywords
            or (field == "hp" and digits(c.cellphone) in plain)
        ]
    if (start := q.text("created_start_date")) is not None:
        found = [c for c in found if (iso(c.created) or "") >= start]
    return sorted(found, key=lambda c: c.created)


def list_privacy(ask: Ask) -> Obj:
    page = page_of(ask, matching_privacy(ask), most=1000, furthest=8000, default=30)
    return {"customersprivacy": [render.customer_privacy(c) for c in page]}


def count_privacy(ask: Ask) -> Obj:
    return {"count": len(matching_privacy(ask))}


def get_privacy(ask: Ask) -> Obj:
    return {"customersprivacy": render.customer_privacy(customer_of(ask))}


def put_privacy(ask: Ask) -> Obj:
    customer = customer_of(ask)
    row = open_envelope(ask.body, 1).request
    cellphone, email = row.phone("cellphone"), row.text("email", most=100)
    customer.cellphone = cellphone or customer.cellphone
    customer.email = email or customer.email
    customer.sms = row.flag("sms", customer.sms)
    customer.address.zipcode = row.text("zipcode", most=14) or customer.address.zipcode
    customer.address.address1 = row.text("address1", most=255) or customer.address.address1
    customer.address.address2 = row.text("address2", most=255) or customer.address.address2
    return {"customersprivacy": render.customer_privacy(customer)}


def shown_memo(memo: CustomerMemo) -> Obj:
    return {
        "shop_no": 1,
        "memo_no": memo.no,
        "author_id": memo.author,
        "memo": memo.memo,
        "important_flag": flag(memo.important),
        "created_date": iso(memo.created),
    }


def memos_of(ask: Ask) -> list[CustomerMemo]:
    member = customer_of(ask).member_id
    window, important = window_of(ask, months=None), ask.query.choice("important_flag", ("T", "F"))
    text = ask.query.text("memo")
    return [
        m
        for m in ask.mall.customer_memos.values()
        if m.member_id == member
        and (window is None or window[0] <= m.created <= window[1])
        and (important is None or flag(m.important) == important)
        and (not text or text in m.memo)
    ]


def list_customer_memos(ask: Ask) -> Obj:
    return {"memos": [shown_memo(m) for m in page_of(ask, memos_of(ask), most=100, furthest=10000)]}


def count_customer_memos(ask: Ask) -> Obj:
    return {"count": len(memos_of(ask))}


def customer_memo_of(ask: Ask) -> CustomerMemo:
    memo = next((m for m in memos_of(ask) if str(m.no) == ask.args[1]), None)
    if memo is None:
        raise Refused(404, "Memo not found.")
    return memo


def get_customer_memo(ask: Ask) -> Obj:
    return {"memo": shown_memo(customer_memo_of(ask))}


def post_customer_memo(ask: Ask) -> Obj:
    customer = customer_of(ask)
    row = open_envelope(ask.body, 1).request
    author, text = row.needed("author_id", most=20), row.needed("memo")
    memo = CustomerMemo(
        ask.mall.serial("customer-memo", 11), customer.member_id, author, text, row.flag("important_flag"), ask.now
    )
    ask.mall.customer_memos[memo.no] = memo
    return {"memo": shown_memo(memo)}


def put_customer_memo(ask: Ask) -> Obj:
    memo = customer_memo_of(ask)
    row = open_envelope(ask.body, 1).request
    memo.author = row.needed("author_id", most=20)
    memo.memo = row.text("memo") or memo.memo
    memo.important = row.flag("important_flag", memo.important)
    return {"memo": shown_memo(memo)}


def delete_customer_memo(ask: Ask) -> Obj:
    memo = customer_memo_of(ask)
    del ask.mall.customer_memos[memo.no]
    return {"memo": {"shop_no": 1, "member_id": memo.member_id, "memo_no": memo.no}}


# -- shipping ---------------------------------------------------------------------------------------------------------

RETURN_ADDRESS: Obj = {
    "zipcode": "04524",
    "ziptype": "KOR",
    "address1": "서울특별시 중구 세종대로 110",
    "address2": "반품센터",
}


FEE_TYPES = ("T", "R", "M", "D", "W", "C", "N")


def get_shipping(ask: Ask) -> Obj:
    """The shop's own shipping terms; what depends on the kind of fee is null where it has no meaning."""
    settings = ask.mall.settings
    kind = settings.shipping_fee_type
    return {
        "shipping": {
            "shop_no": 1,
            "shipping_method": "shipping_01",
            "shipping_etc": None,
            "shipping_type": "A",
            "international_shipping_fee_criteria": "B",
            "shipping_place": "전국",
            "shipping_period": {"minimum": 2, "maximum": 5},
            "shipping_fee_type": kind,
            "shipping_fee": money(settings.shipping_fee) if kind in {"M", "R"} else None,
            "free_shipping_price": money(settings.free_from) if kind == "M" else None,
            "shipping_fee_by_quantity": None,
            "shipping_rates": None,
            "shipping_fee_criteria": "D",
            "prepaid_shipping_fee": "P",
            "product_weight": "1.00",
            "oversea_shipping_country": "F",
            "oversea_shipping_country_list": None,
            "country_shipping_fee": "F",
            "country_shipping_fee_list": None,
            "international_shipping_insurance": "F",
            "return_address": dict(RETURN_ADDRESS),
            "package_volume": {"width": "22", "length": "19", "height": "9"},
            "wished_delivery_date": {
                "use": "F",
                "range": {"minimum": None, "maximum": None},
                "default": {"minimum": None, "use_fast_delivery": "F"},
            },
            "wished_delivery_time": {
                "use": "F",
                "range": render.NOTHING,
                "default": {"range": {"start_hour": None, "end_hour": None}, "use_fast_delivery": "F"},
            },
            "hs_code": "",
            "country_hs_code": render.NOTHING,
            "individual_shipping_fee": "T",
            "individual_fee_calculation_type": "P",
            "supplier_shipping_fee": "F",
            "supplier_selection": "A",
            "applicable_suppliers": None,
            "supplier_shipping_calculation": "A",
            "supplier_regional_surcharge": "A",
            "additional_shipping_fee": None,
            "shipping_company_type": [
                {"carrier_id": c.id, "is_selected": "T"} for c in ask.mall.carriers.values() if c.default
            ],
            "oversea_additional_fee": "F",
            "oversea_additional_fee_list": None,
        }
    }


def put_shipping(ask: Ask) -> Obj:
    row, settings = open_envelope(ask.body, 1).request, ask.mall.settings
    settings.shipping_fee_type = row.choice("shipping_fee_type", FEE_TYPES) or settings.shipping_fee_type
    settings.shipping_fee = whole_money(row, "shipping_fee", settings.shipping_fee)
    settings.free_from = whole_money(row, "free_shipping_price", settings.free_from)
    return get_shipping(ask)


def whole_money(row: Fields, name: str, before: int) -> int:
    text = row.text(name)
    if text is None:
        return before
    if not text.replace(".", "", 1).isdecimal():
        raise row.refuse(name, "is not a valid value.")
    return int(float(text))


def get_surcharges(ask: Ask) -> Obj:
    settings = ask.mall.settings
    return {
        "regionalsurcharge": {
            "shop_no": 1,
            "use_regional_surcharge": "T",
            "region_setting_type": "A",
            "regional_surcharge_list": render.NOTHING,
            "jeju_surcharge_amount": money(settings.jeju_surcharge),
            "remote_area_surcharge_amount": money(settings.remote_surcharge),
        }
    }


ORIGIN: Obj = {
    "origin_code": "W000000C",
    "origin_name": "달빛물류",
    "default": "T",
    "contact": "02-0000-0001",
    "secondary_contact": None,
    "zipcode": "12801",
    "country_code": "KR",
    "address1": "경기도 광주시 곤지암읍 곤지암로 72",
    "address2": "A동 2층",
}


def list_origins(ask: Ask) -> Obj:
    rows = page_of(ask, [ORIGIN | {"variants": render.NOTHING}], most=100, furthest=8000)
    return {"shippingorigins": rows, "links": render.NOTHING}


def get_origin(ask: Ask) -> Obj:
    if ask.args[0] != ORIGIN["origin_code"]:
        raise Refused(404, "Origin not found.")
    return {"shippingorigin": ORIGIN | {"variants": render.NOTHING}, "links": render.NOTHING}


def get_manager(ask: Ask) -> Obj:
    return {"shippingmanager": {"use": "F"}}


# -- store ------------------------------------------------------------------------------------------------------------


def domain(ask: Ask) -> str:
    return f"{ask.mall.id}.example.com"


def get_store(ask: Ask) -> Obj:
    return {
        "store": {
            "shop_no": 1,
            "shop_name": ask.mall.settings.shop_name,
            "admin_name": "박대표",
            "mall_id": ask.mall.id,
            "base_domain": domain(ask),
            "primary_domain": "shop.example.com",
            "company_registration_no": "000-00-00000",
            "company_name": "달빛컴퍼니",
            "president_name": "박대표",
            "company_condition": "소매",
            "company_line": "의류",
            "country": "Korea",
            "country_code": "KOR",
            "zipcode": "04524",
            "address1": "서울특별시 중구 세종대로 110",
            "address2": "1층",
            "phone": "02-0000-0000",
            "fax": "",
            "email": "owner@example.com",
            "notification_only_email": "no-reply@example.com",
            "mall_url": "https://shop.example.com",
            "customer_service_phone": "02-0000-0001",
            "customer_service_email": "cs@example.com",
            "customer_service_hours": "평일 10:00 ~ 17:00 (점심 12:00 ~ 13:00)",
            "privacy_officer_name": "이담당",
            "contact_us_mobile": "T",
            "contact_us_contents": "",
            "sales_product_categories": ["의류"],
        }
    }


def shop(ask: Ask) -> Obj:
    return {
        "shop_no": 1,
        "default": "T",
        "shop_name": ask.mall.settings.shop_name,
        "business_country_code": "KR",
        "language_code": "ko_KR",
        "language_name": "Korean",
        "currency_code": "KRW",
        "currency_name": "South Korean Won (KRW)",
        "reference_currency_code": "",
        "reference_currency_name": None,
        "pc_skin_no": 1,
        "mobile_skin_no": 2,
        "base_domain": domain(ask),
        "primary_domain": "shop.example.com",
        "slave_domain": render.NOTHING,
        "active": "T",
        "timezone": "Asia/Seoul",
        "timezone_name": "(UTC+09:00) Seoul",
        "date_format": "YYYY-MM-DD",
        "time_format": "hh:mm:ss",
        "use_reference_currency": "F",
    }


def list_shops(ask: Ask) -> Obj:
    return {"shops": [shop(ask)]}


def get_shop(ask: Ask) -> Obj:
    if ask.args[0] != "1":
        raise Refused(404, "Shop not found.")
    return {"shop": shop(ask)}


def get_order_setting(ask: Ask) -> Obj:
    settings = ask.mall.settings
    return {
        "order": {
            "shop_no": 1,
            "claim_request": "T",
            "claim_request_type": "S",
            "claim_request_button_exposure": ["cancel_N10", "cancel_N20", "exchange_N40", "return_N40"],
            "claim_request_button_date_type": "shipend_date",
            "claim_request_button_period": 7,
            "claim_request_auto_accept": "F",
            "refund_processing_setting": "S",
            "exchange_shipping_fee": "6000.00",
            "return_shipping_fee": "3000.00",
            "auto_cancel": "T",
            "auto_cancel_period": 3,
            "receiver_address_modify_button_exposure": sorted(settings.address_open_in),
            "use_product_prepare_status": flag(settings.use_product_prepare),
        }
    }


def put_order_setting(ask: Ask) -> Obj:
    row, settings = open_envelope(ask.body, 1).request, ask.mall.settings
    if (states := row.texts("receiver_address_modify_button_exposure")) is not None:
        if any(s not in {"N00", "N10", "N20", "N22"} for s in states):
            raise row.refuse("receiver_address_modify_button_exposure", "is not a valid value.")
        settings.address_open_in = frozenset(states)
    settings.use_product_prepare = row.flag("use_product_prepare_status", settings.use_product_prepare)
    return get_order_setting(ask)


def get_status_names(ask: Ask) -> Obj:
    kinds = {"N": "D", "C": "C", "R": "R", "E": "E"}
    return {
        "status": [
            {
                "shop_no": 1,
                "status_name_id": number,
                "status_type": "P" if code in {"N00", "N02"} else kinds[code[0]],
                "basic_name": name,
                "custom_name": name,
                "reservation_custom_name": None,
            }
            for number, (code, name) in enumerate(STATUS_NAMES.items(), 1)
        ]
    }


# -- the mall's own SMS, webhooks -------------------------------------------------------------------------------------

SENDER: Obj = {"sender_no": 4, "sender": "02-0000-0001", "auth_status": "30", "memo": None}


def post_sms(ask: Ask) -> Obj:
    """Taken in, not delivered anywhere: the inbox shows what went through SOLAPI."""
    row = open_envelope(ask.body, 1).request
    if row.needed("sender_no") != "4":
        raise row.refuse("sender_no", "is not a registered sender.")
    kind = row.choice("type", ("SMS", "LMS")) or "SMS"
    content = row.needed("content")
    if kind == "LMS" and len(content.encode("euc-kr", "replace")) > 2000:
        raise row.refuse("content", "must be up to 2000 bytes.")
    recipients, members = row.texts("recipients"), row.texts("member_id")
    if not recipients and not members and not row.has("group_no"):
        raise row.refuse("recipients", "is a required field.")
    number = ask.mall.serial("sms")
    return {"sms": {"queue_code": f"Q{ask.now:%y%m%d%H%M%S}{number:05d}"}}


def list_senders(ask: Ask) -> Obj:
    return {"senders": page_of(ask, [dict(SENDER)], most=100, furthest=8000)}


def get_balance(ask: Ask) -> Obj:
    return {"sms": {"balance": "120.5", "sms_count": 120, "lms_count": 40}}


def get_webhook_setting(ask: Ask) -> Obj:
    scopes = [f"mall.read_{area}" for area in ("category", "collection", "customer", "order", "product", "supply")]
    return {"webhook": {"scopes": scopes, "reception_status": flag(ask.mall.settings.reception)}}


def put_webhook_setting(ask: Ask) -> Obj:
    ask.mall.settings.reception = (
        open_envelope(ask.body, 1).request.needed_choice("reception_status", ("T", "F")) == "T"
    )
    return get_webhook_setting(ask)


def list_webhook_logs(ask: Ask) -> Obj:
    q = ask.query
    event, success, since = q.whole("event_no", 1), q.choice("success", ("T", "F")), q.text("since_log_id")
    kind = q.choice("log_type", ("G", "R", "T"))
    window = window_of(ask, months=None, first="requested_start_date", last="requested_end_date")
    rows = [
        row
        for row in ask.mall.webhook_log
        if (event is None or row["event_no"] == event)
        and (success is None or row["success"] == success)
        and (kind is None or row["log_type"] == kind)
        and (since is None or str(row["log_id"]) > since)
        and (window is None or (iso(window[0]) or "") <= str(row["requested_time"]) <= (iso(window[1]) or ""))
    ]
    return {"logs": page_of(ask, rows, most=10000, furthest=10000)}


MEMOS = "/customers/{member_id}/memos"
READ, WRITE = "mall.read_customer", "mall.write_customer"
READ_PRIVACY, READ_SHIPPING, READ_STORE = "mall.read_privacy", "mall.read_shipping", "mall.read_store"
ROUTES = (
    Route("GET", "/customers", READ, list_customers),
    Route("GET", MEMOS, READ, list_customer_memos),
    Route("POST", MEMOS, WRITE, post_customer_memo, bucket=30),
    Route("GET", f"{MEMOS}/count", READ, count_customer_memos),
    Route("GET", f"{MEMOS}/{{memo_no}}", READ, get_customer_memo),
    Route("PUT", f"{MEMOS}/{{memo_no}}", WRITE, put_customer_memo, bucket=30),
    Route("DELETE", f"{MEMOS}/{{memo_no}}", WRITE, delete_customer_memo, bucket=30),
    Route("GET", "/customersprivacy", READ_PRIVACY, list_privacy),
    Route("GET", "/customersprivacy/count", READ_PRIVACY, count_privacy),
    Route("GET", "/customersprivacy/{member_id}", READ_PRIVACY, get_privacy),
    Route("PUT", "/customersprivacy/{member_id}", "mall.write_privacy", put_privacy),
    Route("GET", "/shipping", READ_SHIPPING, get_shipping),
    Route("PUT", "/shipping", "mall.write_shipping", put_shipping),
    Route("GET", "/regionalsurcharges", READ_SHIPPING, get_surcharges),
    Route("GET", "/shippingorigins", READ_SHIPPING, list_origins),
    Route("GET", "/shippingorigins/{origin_code}", READ_SHIPPING, get_origin),
    Route("GET", "/shippingmanager", READ_STORE, get_manager),
    Route("GET", "/store", READ_STORE, get_store),
    Route("GET", "/shops", READ_STORE, list_shops),
    Route("GET", "/shops/{shop_no}", READ_STORE, get_shop),
    Route("GET", "/orders/setting", READ_STORE, get_order_setting),
    Route("PUT", "/orders/setting", "mall.write_store", put_order_setting),
    Route("GET", "/orders/status", READ_STORE, get_status_names),
    Route("POST", "/sms", "mall.write_notification", post_sms, bucket=1),
    Route("GET", "/sms/senders", "mall.read_notification", list_senders),
    Route("GET", "/sms/balance", "mall.read_notification", get_balance),
    Route("GET", "/webhooks/setting", "mall.read_application", get_webhook_setting),
    Route("PUT", "/webhooks/setting", "mall.write_application", put_webhook_setting),
    Route("GET", "/webhooks/logs", "mall.read_application", list_webhook_logs),
)
