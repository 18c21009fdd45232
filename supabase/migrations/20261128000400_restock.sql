-- Shoppers who wait for a product: what they asked for, what is watched for them, what they will be told, and what the shop says of a
-- product's return.
set local role sangdam_owner;

create table g_com_product_rules (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  product_no bigint not null check (product_no > 0), variant_code text not null default '*',
  answerability text not null default 'ALLOW' check (answerability in ('ALLOW','DENY','UNKNOWN')),
  restock_policy text not null default 'UNKNOWN' check (restock_policy in ('NO_RESTOCK','RESTOCK_AT','UNKNOWN')),
  restock_at date, restock_confidence text check (restock_confidence in ('confirmed','expected')), valid_until date,
  source text not null check (source in ('console','import','article')), note text, updated_by uuid,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  unique (org_id, product_no, variant_code),
  check ((restock_policy = 'RESTOCK_AT') = (restock_at is not null)), check (restock_confidence is null or restock_at is not null)
);

create table g_com_restock_subscriptions (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  mall_id text not null, shop_no int not null, product_no bigint not null, variant_code text not null default '*',
  product_name text not null, option_label text,
  channel text not null check (channel in ('sms')), phone text not null, phone_hash text not null, phone_masked text not null,
  trigger_type text not null check (trigger_type in ('status_change','inventory_gt','restock_at')),
  trigger_value int check (trigger_value between 0 and 999), restock_at date,
  lead_days int[] not null default '{}' check (lead_days <@ array[1,2,3,7,14]),
  schedule_hour_local int not null default 17 check (schedule_hour_local between 8 and 20), schedule_tz text not null default 'Asia/Seoul',
  status text not null check (status in ('active','paused','completed','canceled','expired')),
  session_id uuid, source_turn_id uuid, effect_id uuid, consent jsonb not null, unsubscribe_hash text not null unique,
  valid_until date not null, last_notified_at timestamptz,
  -- The write that ended it: two ends that came at once are told apart, and one whose answer was lost is found again.
  canceled_at timestamptz, cancel_reason text, cancel_effect_id uuid, cancel_too_late int,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  check ((trigger_type = 'inventory_gt') = (trigger_value is not null)), check ((trigger_type = 'restock_at') = (restock_at is not null)),
  check ((status = 'canceled') = (canceled_at is not null))
);
create unique index g_com_restock_subscriptions_live on g_com_restock_subscriptions (org_id, mall_id, product_no, variant_code, channel, phone_hash)
  where status in ('active','paused');
create unique index g_com_restock_subscriptions_effect on g_com_restock_subscriptions (effect_id) where effect_id is not null;
create index g_com_restock_subscriptions_cancel_effect on g_com_restock_subscriptions (cancel_effect_id) where cancel_effect_id is not null;
create index g_com_restock_subscriptions_phone on g_com_restock_subscriptions (org_id, phone_hash, created_at);
create index g_com_restock_subscriptions_until on g_com_restock_subscriptions (valid_until) where status in ('active','paused');

create table g_com_restock_watches (
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  mall_id text not null, product_no bigint not null, variant_code text not null,
  state text not null check (state in ('in','out','unknown')), quantity int, epoch int not null default 0,
  checked_at timestamptz not null, next_check_at timestamptz not null, hint_at timestamptz,
  primary key (org_id, mall_id, product_no, variant_code)
);
create index g_com_restock_watches_due on g_com_restock_watches (next_check_at);

create table g_com_restock_notices (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  subscription_id uuid not null references g_com_restock_subscriptions(id) on delete restrict,
  event_key text not null check (event_key ~ '^(stock|date):'), due_at timestamptz not null, wave int not null default 1 check (wave > 0),
  status text not null check (status in ('planned','queued','sent','unknown','failed','dead','canceled','suppressed')),
  outbox_id uuid references e_ops_outbox(id) on delete set null, suppress_reason text,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  unique (subscription_id, event_key)
);
create index g_com_restock_notices_due on g_com_restock_notices (due_at) where status = 'planned';
create index g_com_restock_notices_outbox on g_com_restock_notices (outbox_id) where outbox_id is not null;

do $$
declare t text;
begin
  foreach t in array array['g_com_product_rules','g_com_restock_subscriptions','g_com_restock_watches','g_com_restock_notices'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy org_isolation on %I for all using (org_id = (select app_org_id())) with check (org_id = (select app_org_id()))', t);
    execute format('create policy owner_all on %I for all to sangdam_owner using (true) with check (true)', t);
  end loop;
end $$;

create view restock_subscription with (security_invoker = true) as
  select id, org_id, mall_id, shop_no, product_no, variant_code, product_name, option_label, channel, phone_hash, phone_masked, trigger_type, trigger_value,
    restock_at, lead_days, schedule_hour_local, schedule_tz, status, session_id, source_turn_id, effect_id, consent, valid_until, last_notified_at,
    canceled_at, cancel_reason, cancel_effect_id, cancel_too_late, created_at, updated_at
  from g_com_restock_subscriptions;

grant select, insert, update, delete on g_com_product_rules, g_com_restock_subscriptions, g_com_restock_watches, g_com_restock_notices to sangdam_app;
grant select on restock_subscription to sangdam_app;

-- The link in a message names a subscription and nothing else: whose it is, is found by the token's hash.
create function sys_org_by_unsubscribe(p_hash text) returns table (org_id uuid, subscription_id uuid) stable security definer set search_path = public language sql as $$
  select s.org_id, s.id from g_com_restock_subscriptions s where s.unsubscribe_hash = p_hash $$;
revoke all on function sys_org_by_unsubscribe(text) from public;
grant execute on function sys_org_by_unsubscribe(text) to sangdam_app;

-- On a Supabase project: read-only, and of a subscription only what the view shows.
do $$
begin
  if exists (select from pg_roles where rolname = 'authenticated') then
    execute 'grant select on g_com_product_rules, g_com_restock_watches, g_com_restock_notices, restock_subscription to authenticated';
    execute 'grant select (id, org_id, mall_id, shop_no, product_no, variant_code, product_name, option_label, channel, phone_hash, phone_masked, trigger_type,
      trigger_value, restock_at, lead_days, schedule_hour_local, schedule_tz, status, session_id, source_turn_id, effect_id, consent, valid_until,
      last_notified_at, canceled_at, cancel_reason, cancel_effect_id, cancel_too_late, created_at, updated_at) on g_com_restock_subscriptions to authenticated';
  end if;
  if exists (select from pg_roles where rolname = 'anon') then
    execute 'revoke all on g_com_product_rules, g_com_restock_subscriptions, g_com_restock_watches, g_com_restock_notices, restock_subscription from anon';
  end if;
end $$;
