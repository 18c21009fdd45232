-- Roles, schema version, who may see a row. Runs on Supabase and on plain PostgreSQL >= 15; no extension.

do $$
begin
  if not exists (select from pg_roles where rolname = 'sangdam_owner') then
    create role sangdam_owner nologin nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'sangdam_app') then
    create role sangdam_app login nobypassrls;
  end if;
  if not pg_has_role(current_user, 'sangdam_owner', 'usage') then
    execute format('grant sangdam_owner to %I', current_user);
  end if;
  execute 'grant usage, create on schema public to sangdam_owner';
  execute 'grant usage on schema public to sangdam_app';
end $$;

set local role sangdam_owner;

create table if not exists schema_version (
  version bigint primary key, checksum text not null, applied_at timestamptz not null default now()
);
grant select on schema_version to sangdam_app;

-- A: organisations, members, credentials -------------------------------------------------------------------------------------

create table a_iam_organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 80), name_en text, slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{1,39}$'),
  plan text not null default 'starter' check (plan in ('starter','pro','business','enterprise')),
  business_registration_number text unique check (business_registration_number ~ '^\d{10}$'),
  timezone text not null default 'Asia/Seoul', business_hours jsonb not null default '{}',
  default_agent_id uuid, settings jsonb not null default '{}',
  status text not null default 'active' check (status in ('active','suspended','deleting')),
  created_at timestamptz not null default now(), updated_at timestamptz not null default now()
);

create table a_iam_user_access_maps (
  user_id uuid primary key,
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  plan text not null default 'starter', org_role text not null default 'pending' check (org_role in ('owner','admin','operator','auditor','pending')),
  is_admin boolean generated always as (org_role in ('owner','admin')) stored,
  "group" jsonb not null default '{}', display_name text not null, email text not null, invited_by uuid, approved_at timestamptz,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now()
);
create index a_iam_user_access_maps_org on a_iam_user_access_maps (org_id);

-- SECURITY DEFINER: the claims path says who, the membership table says where. No org inside a token is believed.
create function app_member_org(sub uuid) returns uuid stable security definer set search_path = public language sql as $$
  select org_id from a_iam_user_access_maps where user_id = sub and org_role <> 'pending' $$;

create function app_org_id() returns uuid stable language sql as $$
  select case when current_user in ('authenticated','anon')
    then app_member_org((nullif(current_setting('request.jwt.claims', true),'')::jsonb ->> 'sub')::uuid)
    else nullif(current_setting('app.org_id', true),'')::uuid end $$;

create function app_claims_sub() returns uuid stable language sql as $$
  select (nullif(current_setting('request.jwt.claims', true),'')::jsonb ->> 'sub')::uuid $$;

create function app_claims_role() returns text stable security definer set search_path = public language sql as $$
  select org_role from a_iam_user_access_maps where user_id = app_claims_sub() $$;

create function app_is_claims() returns boolean stable language sql as $$ select current_user in ('authenticated','anon') $$;

-- True for the application role (which judges permissions itself) and for owners and admins on the claims path.
create function app_is_admin() returns boolean stable language sql as $$
  select case when current_user in ('authenticated','anon') then coalesce(app_claims_role() in ('owner','admin'), false) else true end $$;

create table a_iam_auth_settings (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null unique references a_iam_organizations(id) on delete restrict,
  providers jsonb not null default '{}', version int not null default 1, updated_by uuid,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now()
);

create table a_iam_token_journal (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  provider text not null, mall_id text not null, from_version int not null, response text not null,
  state text not null check (state in ('written','applied','void')),
  created_at timestamptz not null default now(), applied_at timestamptz
);
create unique index a_iam_token_journal_live on a_iam_token_journal (org_id, provider, from_version) where state <> 'void';

create table a_iam_api_tokens (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  name text not null, token_hash text not null unique, prefix text not null, created_by uuid not null,
  acts_as text not null check (acts_as in ('on_behalf','staff')), scopes text[] not null,
  expires_at timestamptz not null, last_used_at timestamptz, revoked_at timestamptz,
  created_at timestamptz not null default now(),
  check (expires_at <= created_at + interval '366 days')
);
create index a_iam_api_tokens_org on a_iam_api_tokens (org_id);

-- B: agents, widgets ---------------------------------------------------------------------------------------------------------

create table b_bot_agents (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  family_id uuid not null, version int not null, name text not null, greeting text,
  language text not null default 'ko' check (language in ('ko','en')),
  llm text not null default 'none' check (llm in ('none','chatgpt','gemini','auto')), kb_id uuid,
  mcp_tool_ids text[] not null, settings jsonb not null default '{}',
  is_active boolean not null, created_by uuid not null, created_at timestamptz not null default now(),
  unique (family_id, version)
);
create unique index b_bot_agents_active on b_bot_agents (family_id) where is_active;
create index b_bot_agents_org on b_bot_agents (org_id);

create table b_bot_widgets (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  agent_family_id uuid not null, public_key text not null unique check (public_key ~ '^sdw_pk_[a-z2-7]{24}$'),
  allowed_origins text[] not null, allowed_paths text[] not null default '{/*}', handover_secret text,
  theme jsonb not null default '{}', language text not null default 'ko', is_active boolean not null default true,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now()
);
create index b_bot_widgets_org on b_bot_widgets (org_id);

-- C: tools and policies ------------------------------------------------------------------------------------------------------

create table c_mcp_tools (
  name text primary key, version text not null, display_name text not null, display_name_en text not null, description text not null,
  provider text not null check (provider in ('cafe24','juso','solapi','sangdam')), effect text not null check (effect in ('read','write')),
  assurance text not null check (assurance in ('ANONYMOUS','CLAIMED','VERIFIED')), confirmation boolean not null, scopes text[] not null,
  schema_json jsonb not null, output_schema jsonb not null, masking jsonb not null, default_policy jsonb not null,
  schema_sha256 text not null, is_active boolean not null default true, updated_at timestamptz not null default now()
);

create table c_mcp_tool_policies (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  tool_name text not null, is_allowed boolean not null default false,
  allowed_callers text[] not null default '{agent}' check (allowed_callers <@ array['agent','member','mcp']),
  rate_limit_per_min int not null default 300 check (rate_limit_per_min between 1 and 6000),
  session_limit_per_hour int not null default 60 check (session_limit_per_hour between 1 and 6000),
  conditions jsonb not null default '{}', masking_rules jsonb not null default '{}',
  version int not null default 1, updated_by uuid, created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  unique (org_id, tool_name)
);

-- A policy names a tool of the catalogue, or `<server>/<tool>` of a registered external server.
create function c_mcp_tool_policies_known() returns trigger language plpgsql as $$
begin
  if position('/' in new.tool_name) = 0 and not exists (select from c_mcp_tools t where t.name = new.tool_name) then
    raise exception 'no such tool: %', new.tool_name using errcode = 'foreign_key_violation';
  end if;
  return new;
end $$;
create trigger c_mcp_tool_policies_known before insert or update of tool_name on c_mcp_tool_policies
  for each row execute function c_mcp_tool_policies_known();

create unlogged table c_mcp_rate_counters (
  key text not null, window_start timestamptz not null, count int not null, primary key (key, window_start)
);

create table c_mcp_breakers (
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  upstream text not null check (upstream in ('cafe24','juso','solapi','openai','gemini','smtp')),
  state text not null check (state in ('closed','open','half_open')), failures int not null,
  opened_at timestamptz, next_try_at timestamptz, last_code text, primary key (org_id, upstream)
);

-- D: conversations -----------------------------------------------------------------------------------------------------------

create table d_conv_sessions (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_code text not null unique, agent_id uuid not null references b_bot_agents(id), agent_version int not null,
  channel text not null check (channel in ('widget','call','api','lab','mcp')), language text not null default 'ko' check (language in ('ko','en')),
  status text not null default 'open' check (status in ('open','waiting_person','with_person','closing','closed')),
  speaker text not null default 'bot' check (speaker in ('bot','operator','nobody')),
  operator_id uuid, previous_session_id uuid, widget_id uuid, visitor_hash text, origin text, ip_hash text,
  phone_hash text, order_ids text[] not null default '{}',
  resume_hash text, resume_expires_at timestamptz,
  next_seq bigint not null default 1, epoch int not null default 1, state_rev int not null default 0,
  -- A session owes an answer exactly while owed_seq > answered_seq: the transcript itself is the queue of turns.
  owed_seq bigint not null default 0, answered_seq bigint not null default 0, owed_since timestamptz,
  bot_context jsonb not null default '{}', slots_sealed text,
  category text, outcome text check (outcome in ('resolved','ticketed','handed_off','abandoned','abuse_closed')), csat jsonb,
  started_at timestamptz not null default now(), last_activity_at timestamptz not null default now(), closed_at timestamptz,
  created_at timestamptz not null default now()
) with (fillfactor = 70);
create index d_conv_sessions_owed on d_conv_sessions (owed_since) where owed_seq > answered_seq;
create index d_conv_sessions_org on d_conv_sessions (org_id, started_at desc);
create index d_conv_sessions_idle on d_conv_sessions (last_activity_at) where status in ('open','closing');
create unique index d_conv_sessions_resume on d_conv_sessions (resume_hash) where resume_hash is not null;

create table d_conv_messages (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_id uuid not null references d_conv_sessions(id), seq bigint not null,
  sender text not null check (sender in ('shopper','bot','operator','system')), kind text not null check (kind in ('text','choice','cards','notice','csat')),
  text text not null, text_sealed text, pii boolean not null default false, payload jsonb not null default '{}',
  client_id text, turn_id uuid, operator_id uuid, created_at timestamptz not null default now(),
  unique (session_id, seq)
);
create unique index d_conv_messages_client on d_conv_messages (session_id, client_id) where client_id is not null;

create table d_conv_turns (
  id uuid primary key,
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_id uuid not null references d_conv_sessions(id), turn_no int not null,
  status text not null check (status in ('open','done','superseded','skipped','failed')),
  seq_from bigint not null, seq_to bigint not null, reply_seq bigint, state_before int not null, state_rev int not null,
  intent text, reading jsonb not null default '{}', commands jsonb not null default '[]', bot_context jsonb not null default '{}',
  context_trail jsonb not null default '[]', kb_references jsonb not null default '[]', tool_call_ids uuid[] not null default '{}',
  model jsonb, failed jsonb, latency_ms int, trace_id text not null, results_sealed text,
  -- While open: who works on it and until when it may be believed alive (short, renewed); a dead holder's turn is taken over.
  holder text, lease_until timestamptz,
  opened_at timestamptz not null default now(), closed_at timestamptz, created_at timestamptz not null default now(),
  unique (session_id, turn_no)
);
create unique index d_conv_turns_rev on d_conv_turns (session_id, state_rev) where status in ('done','failed');
create unique index d_conv_turns_one_open on d_conv_turns (session_id) where status = 'open';
create index d_conv_turns_open on d_conv_turns (lease_until) where status = 'open';

-- E: operations --------------------------------------------------------------------------------------------------------------

create table e_ops_review_queue_items (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_id uuid references d_conv_sessions(id), turn_id uuid,
  kind text not null check (kind in ('handoff','callback','ticket_failed','effect_unknown','address_mismatch','kb_gap','abuse','reauth','notice_dead','approval','csat_low','policy_blocked')),
  title text not null, summary jsonb not null default '{}', contact text, contact_masked text,
  priority int not null check (priority between 1 and 3), status text not null default 'open' check (status in ('open','claimed','waiting','resolved','dismissed')),
  assignee uuid, due_at timestamptz not null, resolution text, bot_context jsonb not null default '{}', dedupe_key text not null,
  opened_at timestamptz not null default now(), closed_at timestamptz, created_at timestamptz not null default now()
);
create unique index e_ops_review_queue_items_dedupe on e_ops_review_queue_items (org_id, dedupe_key) where status in ('open','claimed','waiting');
create index e_ops_review_queue_items_open on e_ops_review_queue_items (org_id, priority, opened_at) where status in ('open','claimed','waiting');

create table e_ops_effects (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  key text not null, tool_name text not null, args_digest text not null, caller jsonb not null, session_id uuid, turn_id uuid, flow_run uuid,
  state text not null check (state in ('proposed','confirmed','running','done','failed','unknown','void')),
  preview jsonb not null default '{}', args_sealed text not null, confirmed_by jsonb, expires_at timestamptz,
  attempts int not null default 0, lease_until timestamptz, outcome jsonb, outcome_sealed text, upstream_ref text, code text,
  created_at timestamptz not null default now(), started_at timestamptz, finished_at timestamptz
);
create unique index e_ops_effects_key on e_ops_effects (org_id, key) where state <> 'void';
create index e_ops_effects_unsettled on e_ops_effects (started_at) where state in ('running','unknown');
create index e_ops_effects_session on e_ops_effects (session_id) where session_id is not null;

create function e_ops_effects_moves() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.state not in ('proposed','running') then raise exception 'an effect begins proposed or running, not %', new.state; end if;
    return new;
  end if;
  if old.state = new.state or (old.state, new.state) in (
    ('proposed','confirmed'), ('proposed','void'), ('confirmed','running'), ('confirmed','void'), ('running','done'), ('running','failed'),
    ('running','unknown'), ('unknown','done'), ('unknown','failed'), ('failed','running')) then
    return new;
  end if;
  raise exception 'effect % cannot go from % to %', old.id, old.state, new.state;
end $$;
create trigger e_ops_effects_moves before insert or update on e_ops_effects for each row execute function e_ops_effects_moves();

create table e_ops_outbox (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  kind text not null check (kind in ('restock','otp','alert','mail_auth','callback')),
  channel text not null check (channel in ('sms','lms','alimtalk','email','webhook','console')), dedupe_key text not null,
  destination text not null, destination_hash text not null, destination_masked text not null, body text,
  due_at timestamptz not null, not_before time, not_after time,
  status text not null check (status in ('pending','claimed','sending','sent','unknown','failed','dead','canceled','suppressed')),
  attempts int not null default 0, claimed_by text, claimed_until timestamptz, provider text, provider_message_id text, last_code text,
  accepted_at timestamptz, delivered_at timestamptz, created_at timestamptz not null default now(),
  unique (org_id, dedupe_key)
);
create index e_ops_outbox_due on e_ops_outbox (status, due_at);

create table e_ops_job_runs (
  id uuid primary key default gen_random_uuid(),
  org_id uuid references a_iam_organizations(id) on delete restrict,
  job text not null check (job in ('cafe24_refresh','restock_dispatch','restock_watch','retention','reconcile','audit_checkpoint','verify')),
  trigger text not null check (trigger in ('cron','schedule','manual')), scheduled_for timestamptz, lock_key text not null,
  started_at timestamptz not null, finished_at timestamptz, outcome text check (outcome in ('ok','partial','failed','skipped_locked')),
  counts jsonb not null default '{}', errors jsonb not null default '[]' check (jsonb_array_length(errors) <= 50), host text not null, build text not null,
  created_at timestamptz not null default now()
);
create index e_ops_job_runs_job on e_ops_job_runs (job, started_at desc);

-- F: audit, append-only, chained ---------------------------------------------------------------------------------------------

create table f_audit_events (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_id uuid, turn_id uuid, state_rev int, context_no int, actor jsonb not null, event_type text not null check (event_type in (
    'SESSION_STARTED','MESSAGE_ACCEPTED','TURN_OPENED','COMMANDS_READ','SLOT_SET','SLOT_CORRECTED','FLOW_STARTED','FLOW_STEP','FLOW_INTERRUPTED','FLOW_RESUMED',
    'FLOW_CANCELED','FLOW_COMPLETED','AGENDA_CHANGED','CHOICES_SHOWN','CONFIRMATION_REQUESTED','CONFIRMATION_GIVEN','CONFIRMATION_VOIDED','KB_RETRIEVED','KB_GAP',
    'ANSWER_CHECK_FAILED','FINAL_ANSWER_READY','HANDOFF_REQUESTED','TAKEOVER_STARTED','TAKEOVER_RELEASED','TURN_CLOSED','TURN_SUPERSEDED','TURN_FAILED','OTP_SENT',
    'OTP_VERIFIED','OTP_FAILED','OTP_LOCKED','ORDERER_MATCHED','ORDERER_MISMATCH','IDENTITY_EXPIRED','TOKEN_REFRESH_OK','TOKEN_REFRESH_FAILED',
    'TOKEN_REFRESH_SKIPPED_FRESH','TOKEN_REFRESH_LOCKED','CONNECTION_CHANGED','OAUTH_REFUSED','BREAKER_OPENED','BREAKER_CLOSED','POLICY_CHANGED','MEMBER_CHANGED',
    'TOKEN_ISSUED','TOKEN_REVOKED','ARTICLE_PUBLISHED','MESSAGE_UNSEALED','RESTOCK_SUBSCRIBED','RESTOCK_CANCELED','RESTOCK_EDGE','RESTOCK_SMS_SENT',
    'RESTOCK_SMS_FAILED','NOTICE_DEAD','EFFECT_RECONCILED','JOB_MISSED','ALERT_RAISED','CSAT_RECORDED','SESSION_CLOSED','ERASURE_DONE','RETENTION_RUN',
    'AUDIT_PRUNED','INTERNAL_ERROR')),
  payload jsonb not null default '{}', bot_context jsonb not null default '{}', trace_id text not null, at timestamptz not null,
  chain_seq bigint not null, prev_hash bytea not null, row_hash bytea not null, created_at timestamptz not null default now(),
  unique (org_id, chain_seq)
);
create index f_audit_events_session on f_audit_events (session_id, chain_seq) where session_id is not null;
create index f_audit_events_trace on f_audit_events (trace_id);

create table f_audit_mcp_tools (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  call_id uuid not null, phase text not null check (phase in ('opened','closed')), session_id uuid, turn_id uuid, state_rev int, context_no int,
  caller jsonb not null, tool_name text not null, tool_version text not null, request_payload jsonb not null, response_payload jsonb not null,
  args_digest text not null, effect_id uuid,
  status text not null check (status in ('opened','success','error','unknown','blocked','needs_verification','needs_confirmation','invalid_params','rate_limited','replayed')),
  code text, policy_decision jsonb not null, masked_fields text[] not null, assurance text not null, upstream jsonb not null, latency_ms int not null,
  bot_context jsonb not null default '{}', trace_id text not null, at timestamptz not null,
  chain_seq bigint not null, prev_hash bytea not null, row_hash bytea not null, created_at timestamptz not null default now(),
  unique (org_id, chain_seq)
);
create unique index f_audit_mcp_tools_call on f_audit_mcp_tools (call_id, phase);
create index f_audit_mcp_tools_session on f_audit_mcp_tools (session_id, chain_seq) where session_id is not null;
create index f_audit_mcp_tools_trace on f_audit_mcp_tools (trace_id);

create table f_audit_chains (
  org_id uuid not null, stream text not null check (stream in ('events','tools','ledger')),
  last_seq bigint not null, last_hash bytea not null, primary key (org_id, stream)
) with (fillfactor = 50);

create table f_audit_checkpoints (
  org_id uuid not null, stream text not null check (stream in ('events','tools','ledger')), seq bigint not null, hash bytea not null, signature text not null,
  at timestamptz not null, primary key (org_id, stream, seq)
);

create function f_audit_append_only() returns trigger language plpgsql as $$
begin
  if current_user = 'sangdam_owner' and nullif(current_setting('app.audit_pruning', true), '') = 'on' and tg_op = 'DELETE' then return old; end if;
  raise exception '% is append-only', tg_table_name;
end $$;
create trigger f_audit_events_append_only before update or delete on f_audit_events for each row execute function f_audit_append_only();
create trigger f_audit_events_no_truncate before truncate on f_audit_events for each statement execute function f_audit_append_only();
create trigger f_audit_mcp_tools_append_only before update or delete on f_audit_mcp_tools for each row execute function f_audit_append_only();
create trigger f_audit_mcp_tools_no_truncate before truncate on f_audit_mcp_tools for each statement execute function f_audit_append_only();

-- Appends rows to both streams and moves the chains, in one round trip, as the last statement before commit so that the lock is short.
-- Each element carries its columns and `c`, the canonical text of the row without chain columns; row_hash = sha256(prev_hash || '<seq>|' || c).
create function audit_append(p_org uuid, p_events jsonb, p_calls jsonb) returns void language plpgsql as $$
declare r jsonb; v_seq bigint; v_hash bytea; v_prev bytea;
begin
  if jsonb_array_length(p_events) > 0 then
    insert into f_audit_chains values (p_org, 'events', 0, sha256(convert_to(p_org::text || '|events', 'UTF8'))) on conflict do nothing;
    select last_seq, last_hash into v_seq, v_hash from f_audit_chains where org_id = p_org and stream = 'events' for update;
    for r in select * from jsonb_array_elements(p_events) loop
      v_seq := v_seq + 1; v_prev := v_hash;
      v_hash := sha256(v_prev || convert_to(v_seq::text || '|' || (r ->> 'c'), 'UTF8'));
      insert into f_audit_events (org_id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at, chain_seq, prev_hash, row_hash)
      values (p_org, (r ->> 'session_id')::uuid, (r ->> 'turn_id')::uuid, (r ->> 'state_rev')::int, (r ->> 'context_no')::int, r -> 'actor', r ->> 'event_type',
              r -> 'payload', r -> 'bot_context', r ->> 'trace_id', (r ->> 'at')::timestamptz, v_seq, v_prev, v_hash);
    end loop;
    update f_audit_chains set last_seq = v_seq, last_hash = v_hash where org_id = p_org and stream = 'events';
  end if;
  if jsonb_array_length(p_calls) > 0 then
    insert into f_audit_chains values (p_org, 'tools', 0, sha256(convert_to(p_org::text || '|tools', 'UTF8'))) on conflict do nothing;
    select last_seq, last_hash into v_seq, v_hash from f_audit_chains where org_id = p_org and stream = 'tools' for update;
    for r in select * from jsonb_array_elements(p_calls) loop
      v_seq := v_seq + 1; v_prev := v_hash;
      v_hash := sha256(v_prev || convert_to(v_seq::text || '|' || (r ->> 'c'), 'UTF8'));
      insert into f_audit_mcp_tools (org_id, call_id, phase, session_id, turn_id, state_rev, context_no, caller, tool_name, tool_version, request_payload,
              response_payload, args_digest, effect_id, status, code, policy_decision, masked_fields, assurance, upstream, latency_ms, bot_context, trace_id, at,
              chain_seq, prev_hash, row_hash)
      values (p_org, (r ->> 'call_id')::uuid, r ->> 'phase', (r ->> 'session_id')::uuid, (r ->> 'turn_id')::uuid, (r ->> 'state_rev')::int,
              (r ->> 'context_no')::int, r -> 'caller', r ->> 'tool_name', r ->> 'tool_version', r -> 'request_payload', r -> 'response_payload',
              r ->> 'args_digest', (r ->> 'effect_id')::uuid, r ->> 'status', r ->> 'code', r -> 'policy_decision',
              array(select jsonb_array_elements_text(r -> 'masked_fields')), r ->> 'assurance', r -> 'upstream', (r ->> 'latency_ms')::int, r -> 'bot_context',
              r ->> 'trace_id', (r ->> 'at')::timestamptz, v_seq, v_prev, v_hash);
    end loop;
    update f_audit_chains set last_seq = v_seq, last_hash = v_hash where org_id = p_org and stream = 'tools';
  end if;
end $$;

-- H: authentication ----------------------------------------------------------------------------------------------------------

create table h_auth_otp_verifications (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_id uuid not null, purpose text not null check (purpose in ('orders','notify')), phone_hash text not null, phone_masked text not null, phone text not null,
  code_hash text not null, attempts int not null default 0, max_attempts int not null default 5,
  status text not null check (status in ('sent','verified','expired','locked','replaced','send_failed')), sent_at timestamptz not null, expires_at timestamptz not null,
  verified_at timestamptz, token_hash text, grant_expires_at timestamptz, provider_message_id text, ip_hash text not null,
  created_at timestamptz not null default now()
);
create index h_auth_otp_verifications_session on h_auth_otp_verifications (session_id, sent_at desc);
create index h_auth_otp_verifications_phone on h_auth_otp_verifications (org_id, phone_hash, sent_at desc);
create unique index h_auth_otp_verifications_token on h_auth_otp_verifications (token_hash) where token_hash is not null;

create table h_auth_orderer_matches (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  session_id uuid not null, order_id text not null, status text not null check (status in ('matched','refused')), attempts int not null, ip_hash text not null,
  token_hash text, matched_at timestamptz, expires_at timestamptz, created_at timestamptz not null default now()
);
create index h_auth_orderer_matches_session on h_auth_orderer_matches (session_id, created_at desc);
create index h_auth_orderer_matches_order on h_auth_orderer_matches (org_id, order_id, created_at desc);

create table h_auth_users (
  id uuid primary key default gen_random_uuid(), email text not null unique check (email = lower(email)), password_hash text not null,
  email_verified_at timestamptz, status text not null default 'active' check (status in ('active','locked','closed')),
  failed_logins int not null default 0, locked_until timestamptz, created_at timestamptz not null default now()
);

create table h_auth_sessions (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references h_auth_users(id) on delete cascade, token_hash text not null unique,
  created_at timestamptz not null default now(), last_seen_at timestamptz not null default now(), expires_at timestamptz not null,
  revoked_at timestamptz, ip_hash text not null, user_agent text not null
);
create index h_auth_sessions_user on h_auth_sessions (user_id);

-- Row security on every tenant table: org_isolation for the application, owner_all for the owner's functions ------------------

do $$
declare t text; org_column text;
begin
  foreach t in array array['a_iam_organizations','a_iam_user_access_maps','a_iam_auth_settings','a_iam_token_journal','a_iam_api_tokens','b_bot_agents',
    'b_bot_widgets','c_mcp_tool_policies','c_mcp_breakers','d_conv_sessions','d_conv_messages','d_conv_turns','e_ops_review_queue_items','e_ops_effects',
    'e_ops_outbox','e_ops_job_runs','f_audit_events','f_audit_mcp_tools','f_audit_chains','f_audit_checkpoints','h_auth_otp_verifications','h_auth_orderer_matches']
  loop
    org_column := case when t = 'a_iam_organizations' then 'id' else 'org_id' end;
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy org_isolation on %I for all using (%I = (select app_org_id())) with check (%I = (select app_org_id()))', t, org_column, org_column);
    execute format('create policy owner_all on %I for all to sangdam_owner using (true) with check (true)', t);
  end loop;
end $$;

-- Deployment-wide job runs have no org and hold no tenant value: the application writes and reads them.
create policy deployment_wide on e_ops_job_runs for all to sangdam_app using (org_id is null) with check (org_id is null);

-- The claims path (Supabase) is read-only; these narrow what a member may read there. `none` tables get no grant at all.
create policy claims_admin on a_iam_api_tokens as restrictive for select using (app_is_admin());
create policy claims_admin on b_bot_widgets as restrictive for select using (app_is_admin());
create policy claims_admin on e_ops_outbox as restrictive for select using (app_is_admin());
create policy claims_own_row on a_iam_user_access_maps as restrictive for select using (not app_is_claims() or app_is_admin() or user_id = app_claims_sub());

grant select, insert, update, delete on a_iam_organizations, a_iam_user_access_maps, a_iam_auth_settings, a_iam_token_journal, a_iam_api_tokens, b_bot_agents, b_bot_widgets,
  c_mcp_tool_policies, c_mcp_rate_counters, c_mcp_breakers, d_conv_sessions, d_conv_messages, d_conv_turns, e_ops_review_queue_items, e_ops_effects, e_ops_outbox,
  e_ops_job_runs, h_auth_otp_verifications, h_auth_orderer_matches, h_auth_users, h_auth_sessions to sangdam_app;
grant select on c_mcp_tools to sangdam_app;
grant select, insert on f_audit_events, f_audit_mcp_tools, f_audit_checkpoints to sangdam_app;
grant select, insert, update on f_audit_chains to sangdam_app;

-- Cross-org look-ups return identifiers only; each item is then processed inside its own org transaction ------------------------

create function sys_member(p_user uuid) returns table (org_id uuid, org_role text) stable security definer set search_path = public language sql as $$
  select org_id, org_role from a_iam_user_access_maps where user_id = p_user $$;

create function sys_org_by_widget_key(p_key text) returns table (org_id uuid, widget_id uuid) stable security definer set search_path = public language sql as $$
  select w.org_id, w.id from b_bot_widgets w join a_iam_organizations o on o.id = w.org_id where w.public_key = p_key and w.is_active and o.status = 'active' $$;

create function sys_org_by_token(p_hash text) returns table (org_id uuid, token_id uuid) stable security definer set search_path = public language sql as $$
  select t.org_id, t.id from a_iam_api_tokens t join a_iam_organizations o on o.id = t.org_id where t.token_hash = p_hash and o.status = 'active' $$;

create function sys_org_by_resume(p_hash text) returns table (org_id uuid, session_id uuid) stable security definer set search_path = public language sql as $$
  select org_id, id from d_conv_sessions where resume_hash = p_hash $$;

create function sys_org_by_mall(p_mall text) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select org_id from a_iam_auth_settings where providers -> 'cafe24' ->> 'mall_id' = p_mall $$;

-- Sessions that owe an answer and that nobody works on: new ones, and those whose holder died.
create function sys_due_turns(p_now timestamptz, p_before timestamptz, p_limit int) returns table (org_id uuid, session_id uuid)
  stable security definer set search_path = public language sql as $$
  select s.org_id, s.id from d_conv_sessions s where s.owed_seq > s.answered_seq and s.owed_since <= p_before
    and not exists (select from d_conv_turns t where t.session_id = s.id and t.status = 'open' and t.lease_until > p_now)
  order by s.owed_since limit p_limit $$;

create function sys_idle_sessions(p_before timestamptz, p_limit int) returns table (org_id uuid, session_id uuid)
  stable security definer set search_path = public language sql as $$
  select s.org_id, s.id from d_conv_sessions s where s.status in ('open','closing') and s.last_activity_at <= p_before and s.owed_seq <= s.answered_seq
  order by s.last_activity_at limit p_limit $$;

create function sys_due_reconcile(p_now timestamptz, p_limit int) returns table (org_id uuid, effect_id uuid) stable security definer set search_path = public language sql as $$
  select e.org_id, e.id from e_ops_effects e where e.state = 'unknown' or (e.state = 'running' and e.lease_until < p_now) order by e.started_at limit p_limit $$;

create function sys_due_retention(p_now timestamptz, p_limit int) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select o.id from a_iam_organizations o order by o.id limit p_limit $$;

create function sys_count_orgs() returns bigint stable security definer set search_path = public language sql as $$ select count(*) from a_iam_organizations $$;

revoke all on function sys_member(uuid), sys_org_by_widget_key(text), sys_org_by_token(text), sys_org_by_resume(text), sys_org_by_mall(text), sys_due_turns(timestamptz, timestamptz, int),
  sys_idle_sessions(timestamptz, int), sys_due_reconcile(timestamptz, int), sys_due_retention(timestamptz, int), sys_count_orgs(), app_member_org(uuid), app_claims_role() from public;
grant execute on function sys_member(uuid), sys_org_by_widget_key(text), sys_org_by_token(text), sys_org_by_resume(text), sys_org_by_mall(text), sys_due_turns(timestamptz, timestamptz, int),
  sys_idle_sessions(timestamptz, int), sys_due_reconcile(timestamptz, int), sys_due_retention(timestamptz, int), sys_count_orgs(), app_member_org(uuid), app_claims_role() to sangdam_app;

-- Views under the checklist's short names ------------------------------------------------------------------------------------

create view user_access with (security_invoker = true) as
  select user_id, org_id, plan, is_admin, org_role, "group", created_at, updated_at from a_iam_user_access_maps;

create view mcp_tool_policies with (security_invoker = true) as
  select id, org_id, tool_name, is_allowed, allowed_callers, rate_limit_per_min, conditions, masking_rules, version, updated_at from c_mcp_tool_policies;

-- Owned by sangdam_owner, so it sees all rows: its own WHERE is the guard. Tokens are shown as (sealed) to every reader.
create view auth_settings with (security_barrier = true) as
  select id, org_id,
    (select coalesce(jsonb_object_agg(p.key, (
      select coalesce(jsonb_object_agg(f.key, case when f.key ~ '(token|secret|password|api_key)$' and jsonb_typeof(f.value) = 'string' then '"(sealed)"'::jsonb else f.value end), '{}'::jsonb)
      from jsonb_each(case when jsonb_typeof(p.value) = 'object' then p.value else '{}'::jsonb end) f)), '{}'::jsonb)
     from jsonb_each(providers) p) as providers,
    created_at, updated_at
  from a_iam_auth_settings where org_id = (select app_org_id()) and (select app_is_admin());

grant select on user_access, mcp_tool_policies, auth_settings to sangdam_app;

-- On a Supabase project the claims roles exist: read-only, and only what a member may see.
do $$
begin
  if exists (select from pg_roles where rolname = 'authenticated') then
    execute 'grant execute on function app_member_org(uuid), app_claims_role() to authenticated';
    execute 'grant select on a_iam_organizations, a_iam_user_access_maps, a_iam_api_tokens, b_bot_agents, b_bot_widgets, c_mcp_tools, c_mcp_tool_policies, c_mcp_breakers,
      d_conv_sessions, d_conv_messages, d_conv_turns, e_ops_review_queue_items, e_ops_effects, e_ops_outbox, e_ops_job_runs, f_audit_events, f_audit_mcp_tools, f_audit_checkpoints,
      user_access, auth_settings, mcp_tool_policies to authenticated';
  end if;
  if exists (select from pg_roles where rolname = 'anon') then
    execute 'revoke all on all tables in schema public from anon';
  end if;
end $$;
