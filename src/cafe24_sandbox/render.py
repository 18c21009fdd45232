"""Records as the Admin API shows them.

Field names keep the API's own spelling slips (`return_shpping_fee`, `names_furigana`, `bank_accout_no`) on purpose.
"""

from datetime import timedelta

from cafe24_sandbox.mall import cancelled_state, claim_amount, shipping_state
from cafe24_sandbox.model import (
    STATUS_NAMES,
    Article,
    Board,
    Carrier,
    Claim,
    Comment,
    Customer,
    Item,
    Mall,
    Memo,
    Order,
    Product,
    Receiver,
    ReceiverChange,
    Supplier,
    Urgent,
    Variant,
)
from cafe24_sandbox.times import iso, spaced
from cafe24_sandbox.wire import Obj, flag, money

ZERO = "0.00"
NOTHING: list[object] = []


def amounts(order: Order, actual: bool) -> Obj:
    live = [i for i in order.items if i.status not in {"N01", "N03"}]
    if actual:
        live = [i for i in live if i.status not in {"C40", "C35", "R40", "C47", "C48", "C49"}]
    price = sum(i.amount for i in live)
    total = price + order.shipping_fee - order.discount - order.points_spent if live else 0
    return {
        "order_price_amount": money(price),
        "shipping_fee": money(order.shipping_fee if live else 0),
        "points_spent_amount": money(order.points_spent if live else 0),
        "credits_spent_amount": ZERO,
        "coupon_discount_price": money(order.discount if live else 0),
        "coupon_shipping_fee_amount": ZERO,
        "membership_discount_amount": ZERO,
        "shipping_fee_discount_amount": ZERO,
        "set_product_discount_amount": ZERO,
        "app_discount_amount": ZERO,
        "point_incentive_amount": ZERO,
        "total_amount_due": money(0 if order.paid_at is not None else total),
        "payment_amount": money(total if order.paid_at is not None else 0),
        "market_other_discount_amount": ZERO,
        "tax": ZERO,
    }


def order(mall: Mall, o: Order, embed: frozenset[str] = frozenset()) -> Obj:
    member = mall.customers.get(o.member_id)
    bank = "cash" in o.payment_methods
    shown: Obj = {
        "shop_no": 1,
        "currency": "KRW",
        "order_id": o.id,
        "market_id": o.market_id,
        "market_order_no": o.market_order_no,
        "member_id": o.member_id,
        "member_email": member.email if member else "",
        "member_authentication": "T" if member else None,
        "initial_order_amount": amounts(o, False),
        "actual_order_amount": amounts(o, True),
        "billing_name": o.buyer.name,
        "bank_code": "bank_04" if bank else None,
        "bank_code_name": "국민은행" if bank else None,
        "payment_method": list(o.payment_methods),
        "payment_method_name": list(o.payment_names),
        "payment_gateway_names": None if bank or o.market_id != "self" else ["inicis"],
        "sub_payment_method_name": None,
        "sub_payment_method_code": None,
        "transaction_ids": [f"TID-DEMO-{o.id[-7:]}"] if "card" in o.payment_methods else None,
        "paid": flag(o.paid_at is not None),
        "canceled": cancelled_state(o),
        "order_date": iso(o.at),
        "first_order": flag(o.first_order),
        "payment_date": iso(o.paid_at),
        "order_from_mobile": flag(o.mobile),
        "use_escrow": "F",
        "group_no_when_ordering": member.group_no if member else 0,
        "bank_account_no": "000-00-0000-000" if bank else None,
        "bank_account_owner_name": "달빛컴퍼니" if bank else None,
        "market_seller_id": None if o.market_id == "self" else mall.id,
        "payment_amount": money(o.total if o.paid_at is not None else 0),
        "cancel_date": iso(o.cancelled_at),
        "order_place_name": o.place_name,
        "order_place_id": o.place_id,
        "payment_confirmation": None,
        "commission": ZERO,
        "postpay": "F",
        "admin_additional_amount": ZERO,
        "additional_shipping_fee": ZERO,
        "international_shipping_insurance": ZERO,
        "additional_handling_fee": ZERO,
        "shipping_type": "A",
        "shipping_type_text": "국내배송",
        "shipping_status": shipping_state(o),
        "shipping_fee_detail": [
            {
                "shipping_group_code": 501,
                "supplier_code": "S0000000",
                "shipping_fee": money(o.shipping_fee),
                "cancel_shipping_fee": ZERO,
                "additional_shipping_fee": ZERO,
                "refunded_shipping_fee": ZERO,
                "return_shpping_fee": ZERO,
                "items": [i.code for i in o.items],
            }
        ],
        "regional_surcharge_detail": NOTHING,
        "wished_delivery_date": "",
        "wished_delivery_time": None,
        "wished_carrier_id": None,
        "wished_carrier_name": None,
        "return_confirmed_date": next((iso(i.returned) for i in o.items if i.returned), None),
        "total_supply_price": str(sum(i.price * i.quantity // 2 for i in o.items)),
        "naver_point": 0,
        "additional_order_info_list": NOTHING,
        "store_pickup": "F",
        "easypay_name": o.easypay,
        "loan_status": None,
        "subscription": "F",
        "multiple_addresses": flag(o.multiple_addresses),
        "exchange_rate": "1.0000",
        "first_payment_methods": list(o.payment_methods),
        "naverpay_payment_information": o.naverpay,
        "include_tax": "T",
        "tax_detail": NOTHING,
        "service_type": None,
        "service_data": None,
        "show_shipping_address": flag(o.show_address),
        "social_member_code": None,
        "social_name": None,
    }
    if o.paid_at is None and any(i.status in {"N00", "N02"} for i in o.items):
        shown["payment_due_date"] = iso(o.payment_due)
        shown["auto_cancel"] = flag(o.payment_due is not None)
    if not embed:
        return shown
    if "items" in embed:
        shown["items"] = [item(mall, i) for i in o.items]
    if "receivers" in embed:
        shown["receivers"] = [receiver(r) for r in o.receivers]
    if "buyer" in embed:
        shown["buyer"] = buyer(mall, o)
    for name in ("return", "cancellation", "exchange"):
        if name in embed:
            shown[name] = [claim(mall, o, c) for c in o.claims if c.kind == name]
    if "refunds" in embed:
        shown["refunds"] = [refund(mall, o, c) for c in o.claims if has_refund(c)]
    if "benefits" in embed:
        shown["benefits"] = NOTHING
    if "coupons" in embed:
        shown["coupons"] = NOTHING
    return shown


STATUS_CODES = {"C47": "C1", "C48": "C1", "C49": "C1"}


def status_code(i: Item) -> str:
    if i.status in STATUS_CODES:
        return STATUS_CODES[i.status]
    match i.status[0]:
        case "C":
            return "C2"
        case "R":
            return "C3"
        case "E":
            return "E1"
        case _:
            return "N2" if i.original_items else "N1"


def item(mall: Mall, i: Item) -> Obj:
    carrier = mall.carriers.get(i.carrier_id) if i.carrier_id is not None else None
    return {
        "shop_no": 1,
        "item_no": i.no,
        "order_item_code": i.code,
        "variant_code": i.variant_code,
        "product_no": i.product_no,
        "product_code": i.product_code,
        "internal_product_name": "",
        "custom_product_code": i.custom_code,
        "custom_variant_code": i.custom_variant_code,
        "eng_product_name": "",
        "option_id": i.variant_code[-4:],
        "option_value": i.option_value,
        "option_value_default": i.option_value,
        "additional_option_value": "",
        "additional_option_values": NOTHING,
        "product_name": i.name,
        "product_name_default": i.name,
        "product_price": money(i.price),
        "option_price": money(i.option_price),
        "additional_discount_price": ZERO,
        "coupon_discount_price": ZERO,
        "app_item_discount_amount": ZERO,
        "payment_amount": money(i.amount),
        "quantity": i.quantity,
        "product_tax_type": "A",
        "tax_rate": 10,
        "supplier_product_name": "",
        "supplier_transaction_type": "D",
        "supplier_id": i.supplier_code,
        "supplier_name": i.supplier_name,
        "tracking_no": i.tracking_no,
        "shipping_code": i.shipping_code,
        "claim_code": i.claim_code,
        "claim_reason_type": i.claim_reason_type,
        "claim_reason": i.claim_reason,
        "claim_quantity": i.claim_quantity,
        "refund_bank_name": "",
        "refund_bank_account_no": "",
        "refund_bank_account_holder": "",
        "post_express_flag": None,
        "order_status": i.status,
        "request_undone": i.request_undone,
        "order_status_additional_info": i.status_note,
        "status_code": status_code(i),
        "status_text": STATUS_NAMES.get(i.status, i.status),
        "open_market_status": "",
        "bundled_shipping_type": "N",
        "shipping_company_id": "" if i.carrier_id is None else str(i.carrier_id),
        "shipping_company_name": carrier.name if carrier else "",
        "shipping_company_code": i.company_code,
        "product_bundle": flag(i.bundle),
        "product_bundle_no": str(i.bundle_no),
        "product_bundle_name": i.bundle_name,
        "product_bundle_name_default": i.bundle_name,
        "product_bundle_type": "C" if i.bundle else None,
        "was_product_bundle": None,
        "original_bundle_item_no": None,
        "naver_pay_order_id": None,
        "naver_pay_claim_status": None,
        "individual_shipping_fee": ZERO,
        "shipping_fee_type": "X",
        "shipping_fee_type_text": "기본배송",
        "shipping_payment_option": "P",
        "payment_info_id": "0",
        "original_item_no": list(i.original_items),
        "store_pickup": "F",
        "ordered_date": spaced(i.ordered),
        "shipped_date": spaced(i.shipped),
        "delivered_date": spaced(i.delivered),
        "purchaseconfirmation_date": spaced(i.confirmed),
        "cancel_date": spaced(i.cancelled),
        "return_confirmed_date": spaced(i.returned),
        "return_request_date": spaced(i.return_requested),
        "return_collected_date": spaced(i.return_collected),
        "cancel_request_date": spaced(i.cancel_requested),
        "refund_date": spaced(i.refunded),
        "exchange_request_date": spaced(i.exchange_requested),
        "exchange_date": spaced(i.exchanged),
        "product_material": None,
        "product_material_eng": None,
        "cloth_fabric": None,
        "product_weight": "0.30",
        "volume_size": None,
        "volume_size_weight": None,
        "clearance_category": None,
        "clearance_category_info": None,
        "clearance_category_code": None,
        "hs_code": "",
        "one_plus_n_event": None,
        "origin_place": "국내",
        "origin_place_no": 1798,
        "made_in_code": "KR",
        "origin_place_value": "",
        "gift": "F",
        "item_granting_gift": None,
        "subscription": "F",
        "product_bundle_list": None,
        "market_cancel_request": None,
        "market_cancel_request_quantity": None,
        "market_fail_reason": None,
        "market_fail_reason_guide": None,
        "market_fail_reason_type": None,
        "market_item_no": None,
        "market_custom_variant_code": None,
        "option_type": "T",
        "options": NOTHING,
        "market_discount_amount": ZERO,
        "labels": NOTHING,
        "order_status_before_cs": i.before_claim,
        "supply_price": money((i.price // 200) * 100),
        "multi_invoice": list(i.invoices),
        "shipping_expected_date": i.expected_ship,
    }


def receiver(r: Receiver) -> Obj:
    return {
        "shop_no": 1,
        "name": r.name,
        "name_furigana": "",
        "phone": r.phone,
        "cellphone": r.cellphone,
        "virtual_phone_no": r.virtual_phone,
        "zipcode": r.address.zipcode,
        "address1": r.address.address1,
        "address2": r.address.address2,
        "address_state": "",
        "address_city": "",
        "address_street": "",
        "address_full": r.address.full,
        "name_en": None,
        "city_en": None,
        "state_en": None,
        "street_en": None,
        "country_code": "",
        "country_name": None,
        "country_name_en": None,
        "shipping_message": r.message,
        "clearance_information_type": r.clearance_type,
        "clearance_information": r.clearance,
        "wished_delivery_date": r.wished_date,
        "wished_delivery_time": None,
        "use_fast_delivery_date": None,
        "use_fast_delivery_time": None,
        "shipping_code": r.shipping_code,
    }


def receiver_change(change: ReceiverChange) -> Obj:
    return receiver(change.before) | {"updated_date": iso(change.at), "user_id": change.by, "user_name": change.by}


def buyer(mall: Mall, o: Order) -> Obj:
    b = o.buyer
    member = mall.customers.get(o.member_id)
    return {
        "shop_no": 1,
        "member_id": o.member_id,
        "member_group_no": member.group_no if member else None,
        "name": b.name,
        "names_furigana": "",
        "email": b.email,
        "phone": b.phone,
        "cellphone": b.cellphone,
        "customer_notification": b.notification,
        "updated_date": iso(b.updated),
        "user_id": "",
        "user_name": "",
        "company_name": None,
        "company_registration_no": None,
        "buyer_zipcode": b.address.zipcode,
        "buyer_address1": b.address.address1,
        "buyer_address2": b.address.address2,
    }


SHIPMENT_WORDS = {"N21": "standby", "N22": "standby", "N30": "shipping", "N40": "shipped", "N50": "shipped"}


def shipments(o: Order) -> list[Obj]:
    return [
        {
            "shop_no": 1,
            "shipping_code": s.code,
            "order_id": o.id,
            "tracking_no": s.tracking_no,
            "tracking_no_updated_date": iso(s.registered),
            "shipping_company_code": s.company_code,
            "items": [
                {
                    "order_item_code": i.code,
                    "status": SHIPMENT_WORDS.get(
                        i.before_claim or i.status if i.status[0] != "N" else i.status, "standby"
                    ),
                }
                for i in o.items
                if i.shipping_code == s.code
            ],
        }
        for s in o.shipments.values()
    ]


def carrier(c: Carrier) -> Obj:
    return {
        "shop_no": 1,
        "carrier_id": c.id,
        "shipping_carrier_code": c.code,
        "shipping_carrier": c.name,
        "track_shipment_url": c.track_url,
        "shipping_type": "A",
        "contact": c.contact,
        "secondary_contact": None,
        "email": c.email,
        "default_shipping_fee": None,
        "homepage_url": None,
        "default_shipping_carrier": flag(c.default),
        "shipping_fee_setting": "F",
        "shipping_fee_setting_detail": None,
        "express_exception_setting": None,
    }


def claim(mall: Mall, o: Order, c: Claim) -> Obj:
    claimed = [i for i in o.items if i.code in {code for code, _ in c.items}]
    shown: Obj = {
        "shop_no": 1,
        "order_id": c.order_id,
        "claim_code": c.code,
        "claim_reason_type": c.reason_type,
        "claim_reason": c.reason,
        "refund_methods": list(c.refund_methods),
        "refund_reason": c.reason,
        "order_price_amount": money(sum(i.amount for i in claimed)),
        "refund_amounts": [{"payment_method": m, "amount": money(claim_amount(o, c))} for m in c.refund_methods[:1]],
        "shipping_fee": ZERO,
        "return_ship_type": None,
        "defer_commission": ZERO,
        "partner_discount_amount": ZERO,
        "add_discount_amount": ZERO,
        "member_grade_discount_amount": ZERO,
        "shipping_discount_amount": ZERO,
        "coupon_discount_amount": ZERO,
        "point_used": ZERO,
        "credit_used": ZERO,
        "undone": flag(c.undone),
        "undone_reason_type": c.undone_reason_type,
        "undone_reason": c.undone_reason,
        "expose_order_detail": "F",
        "exposed_undone_reason": None,
        "items": [item(mall, i) for i in claimed],
        "include_tax": "T",
        "tax": None,
        "cancel_fee_amount": ZERO,
    }
    if c.kind == "cancellation":
        return shown
    place = o.receivers[0] if o.receivers else None
    shown |= {
        "claim_due_date": iso(c.created + timedelta(days=7)),
        "return_address": {
            "zipcode": "04524",
            "address1": "서울특별시 중구 세종대로 110",
            "address2": "반품센터",
            "items": [i.code for i in claimed],
        },
        "pickup": {
            "use_pickup": flag(c.request_pickup),
            "same_address": flag(c.pickup is None),
            "name": place.name if place else "",
            "phone": place.phone if place else "",
            "cellphone": place.cellphone if place else "",
            "zipcode": place.address.zipcode if place else "",
            "address": place.address.full if place else "",
        },
        "pickup_request_state": "W" if c.request_pickup else "E",
        "return_invoice_no": c.invoice_no,
    }
    if c.kind == "return":
        return shown | {
            "refund_shipping_fee": ZERO,
            "refund_regional_surcharge": ZERO,
            "return_shipping_fee": "-3000.00" if c.reason_type in {"A", "O"} else ZERO,
            "return_shipping_fee_detail": NOTHING,
            "return_regional_surcharge": ZERO,
            "return_regional_surcharge_detail": NOTHING,
            "additional_shipping_fee": ZERO,
        }
    return shown | {
        "receiver": receiver(place) if place else None,
        "reshipping_detail": None,
        "additional_payment": {
            "payment_amount": ZERO,
            "payment_method": None,
            "billing_name": None,
            "bank_name": None,
            "bank_accout_no": None,
            "tax": NOTHING,
        },
        "exchanged_items": [item(mall, i) for i in o.items if i.code in c.exchanged_items],
    }


def has_refund(c: Claim) -> bool:
    return c.kind != "exchange" and not c.undone


def refund(mall: Mall, o: Order, c: Claim) -> Obj:
    member = mall.customers.get(o.member_id)
    done = c.refunded is not None
    return {
        "shop_no": 1,
        "member_id": o.member_id,
        "member_email": member.email if member else "",
        "buyer_email": o.buyer.email,
        "order_date": iso(o.at),
        "accepted_refund_date": iso(c.created),
        "refund_date": iso(c.refunded),
        "order_id": o.id,
        "refund_code": c.code,
        "order_item_code": [code for code, _ in c.items],
        "quantity": sum(quantity for _, quantity in c.items),
        "actual_refund_amount": money(claim_amount(o, c)),
        "used_points": ZERO,
        "used_credits": ZERO,
        "currency": "KRW",
        "payment_methods": list(o.payment_methods),
        "refund_payment_methods": list(c.refund_methods),
        "payment_gateway_cancel_statuses": [
            {"payment_method": m, "cancel_status": flag(done and c.gateway_cancelled)} for m in o.payment_methods
        ],
        "payment_gateway_cancel_dates": [
            {"payment_method": m, "cancel_date": iso(c.refunded) if c.gateway_cancelled else None}
            for m in o.payment_methods
        ],
        "status": flag(done),
        "refund_methods": ["신용카드 환불" if m == "card" else "현금 환불" for m in o.payment_methods],
        "refund_bank_name": c.refund_bank[0],
        "refund_bank_account_no": c.refund_bank[1],
        "refund_bank_account_holder": c.refund_bank[2],
        "include_tax": "T",
        "tax": None,
    }


def refund_detail(mall: Mall, o: Order, c: Claim, embed_items: bool) -> Obj:
    shown = refund(mall, o, c) | {
        "refund_amount": money(claim_amount(o, c)),
        "refund_point": ZERO,
        "refund_credit": ZERO,
        "refund_naver_point": ZERO,
        "refund_naver_cash": ZERO,
        "product_price": money(claim_amount(o, c)),
        "shipping_fee": ZERO,
        "refund_shipping_fee": ZERO,
        "refund_regional_surcharge": ZERO,
        "return_shipping_fee": ZERO,
        "return_regional_surcharge": ZERO,
        "coupon_discount_amount": ZERO,
        "points_spent_amount": ZERO,
        "credits_spent_amount": ZERO,
        "manually_input_amount": ZERO,
        "changed_refund_amount": None,
        "refund_manager": "",
        "refund_reason": c.reason,
        "send_sms": "T",
        "send_mail": "T",
    }
    if embed_items:
        shown["items"] = [item(mall, i) for i in o.items if i.code in {code for code, _ in c.items}]
    return shown


def memo(m: Memo, order_id: str | None = None) -> Obj:
    shown: Obj = {"shop_no": 1, "memo_no": m.no}
    if order_id is not None:
        shown["order_id"] = order_id
    return shown | {
        "created_date": iso(m.created),
        "author_id": m.author,
        "ip": "127.0.0.1",
        "use_customer_inquiry": flag(m.inquiry),
        "attach_type": m.attach,
        "content": m.content,
        "starred_memo": flag(m.starred),
        "fixed": flag(m.fixed),
        "product_list": NOTHING,
    }


def customer(c: Customer) -> Obj:
    return {
        "shop_no": 1,
        "member_id": c.member_id,
        "group_no": c.group_no,
        "member_authentication": "T",
        "use_blacklist": flag(bool(c.blacklist)),
        "blacklist_type": c.blacklist,
        "authentication_method": "m",
        "sms": flag(c.sms),
        "news_mail": "F",
        "solar_calendar": "T",
        "total_points": money(c.points + c.used_points),
        "available_points": money(c.points),
        "used_points": money(c.used_points),
        "last_login_date": iso(c.last_login),
        "gender": c.gender,
        "use_mobile_app": "F",
        "available_credits": ZERO,
        "created_date": iso(c.created),
        "fixed_group": "F",
    }


def customer_privacy(c: Customer) -> Obj:
    return {
        "shop_no": 1,
        "member_id": c.member_id,
        "name": c.name,
        "name_english": "",
        "name_phonetic": "",
        "phone": c.phone,
        "cellphone": c.cellphone,
        "email": c.email,
        "sms": flag(c.sms),
        "news_mail": "F",
        "thirdparty_agree": "F",
        "wedding_anniversary": None,
        "birthday": None,
        "solar_calendar": "T",
        "total_points": money(c.points + c.used_points),
        "available_points": money(c.points),
        "used_points": money(c.used_points),
        "city": "",
        "state": "",
        "address1": c.address.address1,
        "address2": c.address.address2,
        "group_no": c.group_no,
        "job_class": "",
        "job": "",
        "zipcode": c.address.zipcode,
        "created_date": iso(c.created),
        "member_authentication": "T",
        "use_blacklist": flag(bool(c.blacklist)),
        "blacklist_type": c.blacklist,
        "last_login_date": iso(c.last_login),
        "member_authority": "C",
        "nick_name": "",
        "recommend_id": "",
        "residence": c.address.address1.split(" ")[0][:2],
        "interest": "",
        "gender": c.gender,
        "member_type": "p",
        "company_type": "",
        "foreigner_type": "",
        "authentication_method": "m",
        "lifetime_member": "F",
        "corporate_name": "",
        "nationality": "",
        "shop_name": "",
        "country_code": "KR",
        "use_mobile_app": "F",
        "join_path": "M",
        "fixed_group": "F",
        "refund_bank_code": None,
        "refund_bank_account_no": None,
        "refund_bank_account_holder": None,
        "company_condition": None,
        "company_line": None,
        "sns_list": NOTHING,
        "account_reactivation_date": None,
    }


def inventory(v: Variant) -> Obj:
    return {
        "shop_no": 1,
        "variant_code": v.code,
        "use_inventory": flag(v.use_inventory),
        "important_inventory": "A",
        "inventory_control_type": v.deduct_at,
        "display_soldout": flag(v.display_soldout),
        "quantity": v.quantity,
        "safety_inventory": v.safety,
    }


def variant(v: Variant, inventories: bool = False) -> Obj:
    shown: Obj = {
        "shop_no": 1,
        "variant_code": v.code,
        "options": [{"name": name, "value": value} for name, value in v.options] or None,
        "custom_variant_code": v.custom_code,
        "display": flag(v.display),
        "selling": flag(v.selling),
        "display_order": v.order,
        "additional_amount": money(v.extra),
        "supply_price": money(v.supply_price),
        "use_inventory": flag(v.use_inventory),
        "important_inventory": "A",
        "inventory_control_type": v.deduct_at,
        "display_soldout": flag(v.display_soldout),
        "quantity": v.quantity,
        "safety_inventory": v.safety,
        "image": None,
        "duplicated_custom_variant_code": "F",
    }
    if inventories:
        shown["inventories"] = inventory(v)
    return shown


def product_options(p: Product) -> Obj:
    return {
        "shop_no": 1,
        "product_no": p.no,
        "has_option": flag(bool(p.options)),
        "option_type": "T" if p.options else None,
        "option_list_type": "S" if p.options else None,
        "options": [
            {
                "option_code": f"O{index:07d}",
                "option_name": name,
                "option_value": [
                    {"option_text": value, "option_image_file": None, "option_link_image": None, "option_color": ""}
                    for value in values
                ],
                "required_option": "T",
                "option_display_type": "S",
            }
            for index, (name, values) in enumerate(p.options, 1)
        ],
    }


def product(mall: Mall, p: Product, base: str, embed: frozenset[str] = frozenset(), detail: bool = False) -> Obj:
    images = f"{base}/shop/{mall.id}/image/{p.no}"
    shown: Obj = {
        "shop_no": 1,
        "product_no": p.no,
        "product_code": p.code,
        "custom_product_code": p.custom_code,
        "product_name": p.name,
        "eng_product_name": p.eng_name,
        "supply_product_name": "",
        "internal_product_name": p.custom_code,
        "model_name": p.custom_code.replace("-", ""),
        "price_excluding_tax": money(p.price * 10 // 11),
        "price": money(p.price),
        "retail_price": money(p.retail_price),
        "supply_price": money(p.supply_price),
        "display": flag(p.display),
        "selling": flag(p.selling),
        "product_condition": "N",
        "product_used_month": None,
        "summary_description": p.summary,
        "margin_rate": "10.00",
        "tax_calculation": "M",
        "tax_type": "A",
        "tax_rate": 10,
        "price_content": None,
        "buy_limit_by_product": "F",
        "buy_limit_type": "F",
        "buy_group_list": None,
        "buy_member_id_list": None,
        "repurchase_restriction": "F",
        "single_purchase_restriction": "F",
        "buy_unit_type": "O",
        "buy_unit": 1,
        "order_quantity_limit_type": "O",
        "minimum_quantity": 1,
        "maximum_quantity": 0,
        "points_by_product": "F",
        "points_setting_by_payment": "B",
        "points_amount": None,
        "except_member_points": "F",
        "product_volume": {
            "use_product_volume": "F",
            "product_width": None,
            "product_height": None,
            "product_length": None,
        },
        "adult_certification": "F",
        "detail_image": f"{images}.svg",
        "list_image": f"{images}.svg",
        "tiny_image": f"{images}.svg",
        "small_image": f"{images}.svg",
        "use_naverpay": "F",
        "naverpay_type": None,
        "use_kakaopay": "F",
        "manufacturer_code": "M0000000",
        "trend_code": "T0000000",
        "brand_code": "B0000000",
        "supplier_code": p.supplier_code,
        "made_date": "",
        "release_date": p.release_date,
        "expiration_date": {"start_date": None, "end_date": None},
        "origin_classification": "F",
        "origin_place_no": 1798,
        "origin_place_value": "",
        "made_in_code": "KR",
        "icon_show_period": {"start_date": None, "end_date": None},
        "icon": None,
        "hscode": "",
        "product_weight": "0.30",
        "product_material": p.material,
        "created_date": iso(p.created),
        "updated_date": iso(p.updated),
        "english_product_material": None,
        "cloth_fabric": None,
        "list_icon": {"soldout_icon": p.sold_out, "recommend_icon": False, "new_icon": False},
        "approve_status": "",
        "classification_code": "C000000A",
        "sold_out": flag(p.sold_out),
        "additional_price": ZERO,
        "clearance_category_eng": None,
        "clearance_category_kor": None,
        "clearance_category_code": None,
        "exposure_limit_type": "A",
        "exposure_group_list": NOTHING,
        "set_product_type": None,
        "shipping_fee_by_product": "F",
        "shipping_fee_type": "T",
        "main": [2],
        "market_sync": "F",
    }
    if detail:
        shown |= {
            "category": [{"category_no": p.category_no, "recommend": "F", "new": "F"}],
            "project_no": NOTHING,
            "description": p.description,
            "mobile_description": p.description,
            "separated_mobile_description": "F",
            "additional_image": NOTHING,
            "payment_info": "",
            "shipping_info": "",
            "exchange_info": "",
            "service_info": "",
            "simple_description": p.summary,
            "product_tag": list(p.tags),
            "country_hscode": None,
            "has_option": flag(bool(p.options)),
            "option_type": "T" if p.options else None,
            "shipping_calculation": "A",
            "shipping_method": None,
            "prepaid_shipping_fee": None,
            "shipping_period": None,
            "shipping_scope": "A",
            "shipping_area": None,
            "shipping_rates": None,
            "product_shipping_type": "D",
            "additional_information": NOTHING,
            "image_upload_type": "A",
            "relational_product": None,
            "select_one_by_option": "F",
            "translated": "F",
            "soldout_message": p.soldout_message,
            "single_purchase": "F",
        }
    if "variants" in embed:
        shown["variants"] = [variant(v, "inventories" in embed) for v in p.variants[:100]]
    if "options" in embed:
        shown["options"] = product_options(p)
    if "hits" in embed:
        shown["hits"] = {"shop_no": 1, "product_no": p.no, "count": p.hits}
    for name in ("benefits", "additionalimages", "decorationimages", "memos", "tags", "custom_properties", "seo"):
        if name in embed:
            shown[name] = list(p.tags) if name == "tags" else NOTHING
    if "discountprice" in embed:
        shown["discountprice"] = {"pc_discount_price": money(p.price), "mobile_discount_price": money(p.price)}
    return shown


def supplier(s: Supplier, created: str | None, detail: bool) -> Obj:
    shown: Obj = {
        "shop_no": 1,
        "supplier_name": s.name,
        "supplier_code": s.code,
        "use_supplier": flag(s.status == "A"),
        "trading_type": s.trading_type,
        "supplier_type": s.supplier_type,
        "status": s.status,
        "business_item": s.item,
        "payment_type": "P",
        "commission": "10.00",
        "payment_period": "A",
        "payment_method": 30,
        "payment_start_day": None,
        "payment_end_day": None,
        "payment_start_date": 1,
        "payment_end_date": 30,
        "bank_code": "bank_04",
        "bank_account_no": "000-0000-0000",
        "bank_account_name": s.name,
        "phone": s.phone,
        "fax": "",
        "country_code": "KOR",
        "zipcode": s.zipcode,
        "address1": s.address1,
        "address2": "2층",
        "homepage_url": "",
        "mall_url": "",
        "manager_information": [
            {"no": 1, "name": "이담당", "phone": "010-0000-2222", "email": "cs@supplier.example.com", "use_sms": "F"}
        ],
        "account_start_date": "2025-01-01",
        "account_stop_date": "",
        "show_supplier_info": "SP",
        "memo": "",
        "company_registration_no": "000-00-00000",
        "company_name": s.name,
        "president_name": s.president,
        "company_condition": "도매",
        "company_line": s.item,
        "company_introduction": "",
    }
    if not detail:
        return shown | {"created_date": created, "updated_date": created}
    return shown | {
        "market_country_code": "KOR",
        "market_zipcode": "",
        "market_address1": "",
        "market_address2": "",
        "exchange_country_code": "KOR",
        "exchange_zipcode": s.zipcode,
        "exchange_address1": s.address1,
        "exchange_address2": "반품 담당",
    }


def board(b: Board) -> Obj:
    return {
        "shop_no": 1,
        "board_no": b.no,
        "board_type": b.type,
        "board_name": b.name,
        "use_additional_board": "F",
        "use_board": flag(b.use),
        "use_display": flag(b.use),
        "display_order": b.order,
        "attached_file": "T",
        "attached_file_size_limit": 2097152,
        "article_display_type": "A",
        "image_display": "T",
        "image_resize": 587,
        "use_category": "F",
        "categories": NOTHING,
        "secret_only": flag(b.secret_only),
        "admin_confirm": "F",
        "reply_feature": flag(b.reply),
        "write_permission": "N",
        "reply_permission": "A",
        "use_comment": flag(b.comment),
    }


def article(a: Article) -> Obj:
    return {
        "shop_no": 1,
        "article_no": a.no,
        "parent_article_no": a.parent_no,
        "board_no": a.board_no,
        "product_no": a.product_no,
        "category_no": a.category_no,
        "board_category_no": a.board_category_no,
        "reply_sequence": a.sequence,
        "reply_depth": a.depth,
        "created_date": iso(a.created),
        "writer": a.writer,
        "writer_email": a.writer_email,
        "member_id": a.member_id,
        "title": a.title,
        "content": a.content,
        "supplier_id": None,
        "client_ip": a.client_ip,
        "nick_name": a.nick_name,
        "rating": a.rating,
        "sales_channel": a.sales_channel,
        "reply_mail": a.reply_mail,
        "display": flag(a.display),
        "secret": flag(a.secret),
        "notice": flag(a.notice),
        "fixed": flag(a.fixed),
        "deleted": a.deleted,
        "input_channel": a.channel,
        "order_id": a.order_id,
        "attach_file_urls": list(a.files),
        "hit": a.hit,
        "reply": flag(a.reply),
        "reply_user_id": a.reply_user,
        "reply_status": a.reply_status if a.depth == 0 else None,
        "naverpay_review_id": None,
        "display_time": "F",
        "display_time_start_hour": None,
        "display_time_end_hour": None,
    }


def comment(c: Comment) -> Obj:
    return {
        "shop_no": 1,
        "board_no": c.board_no,
        "article_no": c.article_no,
        "comment_no": c.no,
        "content": c.content,
        "writer": c.writer,
        "member_id": c.member_id,
        "created_date": iso(c.created),
        "client_ip": c.client_ip,
        "rating": c.rating,
        "secret": flag(c.secret),
        "parent_comment_no": c.parent_no,
        "input_channel": c.channel,
        "attach_file_urls": NOTHING,
    }


def urgent(u: Urgent) -> Obj:
    return {
        "shop_no": 1,
        "article_no": u.no,
        "article_type": u.kind,
        "title": u.title,
        "writer": u.writer,
        "member_id": u.member_id,
        "start_date": iso(u.created),
        "reply_status": u.status,
        "hit": 0,
        "content": u.content,
        "writer_email": "",
        "phone": u.phone,
        "search_type": u.search_type,
        "keyword": u.keyword,
        "attached_file_detail": NOTHING,
    }


def urgent_reply(u: Urgent) -> Obj:
    return {
        "shop_no": 1,
        "article_no": u.no,
        "created_date": iso(u.replied),
        "status": u.status,
        "content": u.reply,
        "method": "S",
        "count": 1 if u.reply is not None else 0,
        "user_id": u.reply_user,
        "attached_file_detail": NOTHING,
    }
