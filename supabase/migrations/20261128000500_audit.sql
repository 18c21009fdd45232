-- The audit as a product: what is hashed is what the database says of the stored columns, so that it can verify a million rows by itself;
-- when a checkpoint is due; pruning up to a signed anchor; how rows are found again.
set local role sangdam_owner;

-- The canonical text of a row: one JSON object, its keys in this order, its values as PostgreSQL writes them whatever the settings of a
-- session (times in UTC). row_hash = sha256(prev_hash || '<seq>|' || text). Rows of earlier builds hashed the same values in another spelling.
create type audit_event_text as (
  id uuid, org_id uuid, session_id uuid, turn_id uuid, state_rev int, context_no int, actor jsonb, event_type text, payload jsonb, bot_context jsonb,
  trace_id text, at timestamp
);
create type audit_call_text as (
  id uuid, org_id uuid, call_id uuid, phase text, session_id uuid, turn_id uuid, state_rev int, context_no int, caller jsonb, tool_name text, tool_version text,
  request_payload jsonb, response_payload jsonb, args_digest text, effect_id uuid, status text, code text, policy_decision jsonb, masked_fields text[],
  assurance text, upstream jsonb, latency_ms int, bot_context jsonb, trace_id text, at timestamp
);

create function audit_text(e f_audit_events) returns text stable language sql as $$
  select row_to_json(row(e.id, e.org_id, e.session_id, e.turn_id, e.state_rev, e.context_no, e.actor, e.event_type, e.payload, e.bot_context, e.trace_id,
                         e.at at time zone 'UTC')::audit_event_text)::text $$;

create function audit_text(e f_audit_mcp_tools) returns text stable language sql as $$
  select row_to_json(row(e.id, e.org_id, e.call_id, e.phase, e.session_id, e.turn_id, e.state_rev, e.context_no, e.caller, e.tool_name, e.tool_version,
                         e.request_payload, e.response_payload, e.args_digest, e.effect_id, e.status, e.code, e.policy_decision, e.masked_fields, e.assurance,
                         e.upstream, e.latency_ms, e.bot_context, e.trace_id, e.at at time zone 'UTC')::audit_call_text)::text $$;

-- Each element is a row as JSON without its chain columns, its own organisation included.
create or replace function audit_append(p_org uuid, p_events text[], p_calls text[]) returns void language plpgsql as $$
declare v_first bigint; v_seq bigint; v_hash bytea; v_chain bytea[];
        v_events f_audit_events[]; v_event f_audit_events; v_calls f_audit_mcp_tools[]; v_call f_audit_mcp_tools;
begin
  if cardinality(p_events) > 0 then
    select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'events' for update;
    if not found then
      insert into f_audit_chains values (p_org, 'events', 0, sha256(convert_to(p_org::text || '|events', 'UTF8'))) on conflict do nothing;
      select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'events' for update;
    end if;
    select array_agg(jsonb_populate_record(null::f_audit_events, t.c::jsonb) order by t.n) into v_events from unnest(p_events) with ordinality as t(c, n);
    v_seq := v_first; v_chain := array[v_hash];
    foreach v_event in array v_events loop
      v_seq := v_seq + 1;
      v_hash := sha256(v_hash || convert_to(v_seq::text || '|' || audit_text(v_event), 'UTF8'));
      v_chain := array_append(v_chain, v_hash);
    end loop;
    insert into f_audit_events (id, org_id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at, created_at,
                                chain_seq, prev_hash, row_hash)
    select r.id, r.org_id, r.session_id, r.turn_id, r.state_rev, r.context_no, r.actor, r.event_type, r.payload, r.bot_context, r.trace_id, r.at, r.at,
           v_first + r.ordinality, v_chain[r.ordinality], v_chain[r.ordinality + 1]
    from unnest(v_events) with ordinality as r;
    update f_audit_chains set last_seq = v_seq, last_hash = v_hash where org_id = p_org and stream = 'events';
  end if;
  if cardinality(p_calls) > 0 then
    select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'tools' for update;
    if not found then
      insert into f_audit_chains values (p_org, 'tools', 0, sha256(convert_to(p_org::text || '|tools', 'UTF8'))) on conflict do nothing;
      select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'tools' for update;
    end if;
    select array_agg(jsonb_populate_record(null::f_audit_mcp_tools, t.c::jsonb) order by t.n) into v_calls from unnest(p_calls) with ordinality as t(c, n);
    v_seq := v_first; v_chain := array[v_hash];
    foreach v_call in array v_calls loop
      v_seq := v_seq + 1;
      v_hash := sha256(v_hash || convert_to(v_seq::text || '|' || audit_text(v_call), 'UTF8'));
      v_chain := array_append(v_chain, v_hash);
    end loop;
    insert into f_audit_mcp_tools (id, org_id, call_id, phase, session_id, turn_id, state_rev, context_no, caller, tool_name, tool_version, request_payload,
                                   response_payload, args_digest, effect_id, status, code, policy_decision, masked_fields, assurance, upstream, latency_ms,
                                   bot_context, trace_id, at, created_at, chain_seq, prev_hash, row_hash)
    select r.id, r.org_id, r.call_id, r.phase, r.session_id, r.turn_id, r.state_rev, r.context_no, r.caller, r.tool_name, r.tool_version, r.request_payload,
           r.response_payload, r.args_digest, r.effect_id, r.status, r.code, r.policy_decision, r.masked_fields, r.assurance, r.upstream, r.latency_ms,
           r.bot_context, r.trace_id, r.at, r.at, v_first + r.ordinality, v_chain[r.ordinality], v_chain[r.ordinality + 1]
    from unnest(v_calls) with ordinality as r;
    update f_audit_chains set last_seq = v_seq, last_hash = v_hash where org_id = p_org and stream = 'tools';
  end if;
end $$;

-- Pruning: what is left of a stream up to `seq`. The application signs it with a key the database does not know; rows that must be kept
-- longer stay where they were, and the signature covers which they are. The newest one counts.
create table f_audit_anchors (
  org_id uuid not null, stream text not null check (stream in ('events','tools','ledger')), seq bigint not null, hash bytea not null,
  kept bigint not null, kept_hash bytea not null, signature text not null, at timestamptz not null, primary key (org_id, stream, seq, at)
);
alter table f_audit_anchors enable row level security;
alter table f_audit_anchors force row level security;
create policy org_isolation on f_audit_anchors for all using (org_id = (select app_org_id())) with check (org_id = (select app_org_id()));
create policy owner_all on f_audit_anchors for all to sangdam_owner using (true) with check (true);
grant select on f_audit_anchors to sangdam_app;
do $$
begin
  if exists (select from pg_roles where rolname = 'authenticated') then grant select on f_audit_anchors to authenticated; end if;
end $$;
create trigger f_audit_anchors_append_only before update or delete on f_audit_anchors for each row execute function f_audit_append_only();
create trigger f_audit_anchors_no_truncate before truncate on f_audit_anchors for each statement execute function f_audit_append_only();
create trigger f_audit_checkpoints_append_only before update or delete on f_audit_checkpoints for each row execute function f_audit_append_only();
create trigger f_audit_checkpoints_no_truncate before truncate on f_audit_checkpoints for each statement execute function f_audit_append_only();

-- Deletes the rows of a stream up to a checkpoint, but for those of conversations that became tickets and are not older than `p_keep_after`.
-- Refuses what no retention asks for: rows of the last day, tickets younger than three years, another set of rows than was signed.
create function audit_prune(p_org uuid, p_stream text, p_seq bigint, p_before timestamptz, p_keep_after timestamptz, p_kept bigint, p_kept_hash bytea,
                            p_signature text, p_at timestamptz) returns bigint security definer set search_path = public language plpgsql as $$
declare v_table text := case p_stream when 'events' then 'f_audit_events' when 'tools' then 'f_audit_mcp_tools' end;
        v_hash bytea; v_gone bigint; v_youngest timestamptz; v_kept bigint; v_kept_hash bytea;
begin
  if p_org is distinct from app_org_id() then raise exception 'only an organisation itself prunes its audit'; end if;
  if v_table is null then raise exception 'the stream % is not pruned', p_stream; end if;
  if p_before > now() - interval '1 day' or p_keep_after > now() - interval '1095 days' then raise exception 'too young to be pruned'; end if;
  select hash into v_hash from f_audit_checkpoints where org_id = p_org and stream = p_stream and seq = p_seq;
  if not found then raise exception 'the audit is pruned up to a checkpoint only'; end if;
  if exists (select from f_audit_anchors where org_id = p_org and stream = p_stream and seq > p_seq) then raise exception 'pruned further already'; end if;
  perform set_config('app.audit_pruning', 'on', true);
  execute format($q$
    with gone as (
      delete from %I e where e.org_id = $1 and e.chain_seq <= $2 and not (e.at >= $3 and exists (
        select from d_conv_sessions s where s.id = e.session_id and s.org_id = $1 and s.outcome = 'ticketed'))
      returning e.at)
    select count(*), max(at) from gone $q$, v_table) into v_gone, v_youngest using p_org, p_seq, p_keep_after;
  perform set_config('app.audit_pruning', 'off', true);
  if v_youngest >= p_before then raise exception 'a row before the checkpoint is younger than %', p_before; end if;
  execute format($q$
    select count(*), sha256(coalesce(string_agg(row_hash, ''::bytea order by chain_seq), ''::bytea)) from %I where org_id = $1 and chain_seq <= $2
    $q$, v_table) into v_kept, v_kept_hash using p_org, p_seq;
  if (v_kept, v_kept_hash) is distinct from (p_kept, p_kept_hash) then raise exception 'these are not the rows that were signed to be kept'; end if;
  insert into f_audit_anchors values (p_org, p_stream, p_seq, v_hash, v_kept, v_kept_hash, p_signature, p_at);
  return v_gone;
end $$;
revoke all on function audit_prune(uuid, text, bigint, timestamptz, timestamptz, bigint, bytea, text, timestamptz) from public;
grant execute on function audit_prune(uuid, text, bigint, timestamptz, timestamptz, bigint, bytea, text, timestamptz) to sangdam_app;

-- Streams with 1,000 rows since their last checkpoint, or with any when it is a day old.
create function sys_due_checkpoints(p_now timestamptz, p_limit int) returns table (org_id uuid, stream text) stable security definer set search_path = public language sql as $$
  select c.org_id, c.stream from f_audit_chains c left join lateral (
    select k.seq, k.at from f_audit_checkpoints k where k.org_id = c.org_id and k.stream = c.stream and k.seq <= c.last_seq order by k.seq desc limit 1) k on true
  where c.stream in ('events','tools') and c.last_seq > coalesce(k.seq, 0) and (k.seq is null or c.last_seq - k.seq >= 1000 or k.at <= p_now - interval '24 hours')
  order by c.last_seq - coalesce(k.seq, 0) desc limit p_limit $$;

create function sys_org_by_slug(p_slug text) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select id from a_iam_organizations where slug = p_slug $$;

create function sys_orgs(p_after uuid, p_limit int) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select id from a_iam_organizations where p_after is null or id > p_after order by id limit p_limit $$;
revoke all on function sys_due_checkpoints(timestamptz, int), sys_org_by_slug(text), sys_orgs(uuid, int) from public;
grant execute on function sys_due_checkpoints(timestamptz, int), sys_org_by_slug(text), sys_orgs(uuid, int) to sangdam_app;

-- Finding rows again. What is looked for inside a JSON column stands beside it as a column of its own: under row security an index on an
-- expression is not used. Cut, because an index refuses long values and an audit row must never be refused for what somebody sent.
alter table f_audit_events
  add column order_id text generated always as (left(coalesce(payload ->> 'order_id', bot_context ->> 'order_id'), 40)) stored,
  add column by_member text generated always as (left(case when actor ->> 'kind' = 'member' then actor ->> 'id' end, 40)) stored;
create index f_audit_events_at on f_audit_events (org_id, at, chain_seq);
create index f_audit_events_type on f_audit_events (org_id, event_type, at, chain_seq);
create index f_audit_events_order on f_audit_events (org_id, order_id, at, chain_seq) where order_id is not null;
create index f_audit_events_member on f_audit_events (org_id, by_member, at, chain_seq) where by_member is not null;

alter table f_audit_mcp_tools
  add column order_id text generated always as (left(coalesce(request_payload ->> 'order_id', bot_context ->> 'order_id'), 40)) stored,
  add column by_member text generated always as (left(case when caller ->> 'kind' = 'member' then caller ->> 'id' end, 40)) stored;
create index f_audit_mcp_tools_at on f_audit_mcp_tools (org_id, at, chain_seq);
create index f_audit_mcp_tools_tool on f_audit_mcp_tools (org_id, tool_name, at, chain_seq);
create index f_audit_mcp_tools_code on f_audit_mcp_tools (org_id, code, at, chain_seq) where code is not null;
create index f_audit_mcp_tools_order on f_audit_mcp_tools (org_id, order_id, at, chain_seq) where order_id is not null;
create index f_audit_mcp_tools_member on f_audit_mcp_tools (org_id, by_member, at, chain_seq) where by_member is not null;

-- Whether the columns beside the hashed text say what it says.
create function audit_agrees(e f_audit_events) returns boolean stable language sql as $$
  select e.created_at = e.at and e.order_id is not distinct from left(coalesce(e.payload ->> 'order_id', e.bot_context ->> 'order_id'), 40)
    and e.by_member is not distinct from left(case when e.actor ->> 'kind' = 'member' then e.actor ->> 'id' end, 40) $$;

create function audit_agrees(e f_audit_mcp_tools) returns boolean stable language sql as $$
  select e.created_at = e.at and e.order_id is not distinct from left(coalesce(e.request_payload ->> 'order_id', e.bot_context ->> 'order_id'), 40)
    and e.by_member is not distinct from left(case when e.caller ->> 'kind' = 'member' then e.caller ->> 'id' end, 40) $$;

create index d_conv_sessions_phone on d_conv_sessions (org_id, phone_hash) where phone_hash is not null;
create index d_conv_turns_trace on d_conv_turns (trace_id);

-- What was sent, and which run of a job it was, for the sake of which trace.
alter table e_ops_outbox add column if not exists trace_id text;
alter table e_ops_job_runs add column if not exists trace_id text;
create index if not exists e_ops_outbox_trace on e_ops_outbox (trace_id) where trace_id is not null;
create index if not exists e_ops_job_runs_trace on e_ops_job_runs (trace_id) where trace_id is not null;
