-- The gate: audit rows arrive as their own canonical text, so that what is hashed and what is stored cannot differ.

set local role sangdam_owner;

drop function audit_append(uuid, jsonb, jsonb);

-- Appends rows to both streams and moves the chains, in one round trip, as the last statement before commit so that the lock is short.
-- Each element is the canonical JSON text of a row without its chain columns; row_hash = sha256(prev_hash || '<seq>|' || text).
create function audit_append(p_org uuid, p_events text[], p_calls text[]) returns void language plpgsql as $$
declare v_first bigint; v_seq bigint; v_hash bytea; v_text text; v_chain bytea[];
begin
  if cardinality(p_events) > 0 then
    select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'events' for update;
    if not found then
      insert into f_audit_chains values (p_org, 'events', 0, sha256(convert_to(p_org::text || '|events', 'UTF8'))) on conflict do nothing;
      select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'events' for update;
    end if;
    v_seq := v_first; v_chain := array[v_hash];
    foreach v_text in array p_events loop
      v_seq := v_seq + 1;
      v_hash := sha256(v_hash || convert_to(v_seq::text || '|' || v_text, 'UTF8'));
      v_chain := array_append(v_chain, v_hash);
    end loop;
    insert into f_audit_events (id, org_id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at, created_at,
                                chain_seq, prev_hash, row_hash)
    select r.id, p_org, r.session_id, r.turn_id, r.state_rev, r.context_no, r.actor, r.event_type, r.payload, r.bot_context, r.trace_id, r.at, r.at,
           v_first + t.n, v_chain[t.n], v_chain[t.n + 1]
    from unnest(p_events) with ordinality as t(c, n),
         jsonb_to_record(t.c::jsonb) as r(id uuid, session_id uuid, turn_id uuid, state_rev int, context_no int, actor jsonb, event_type text, payload jsonb,
                                          bot_context jsonb, trace_id text, at timestamptz);
    update f_audit_chains set last_seq = v_seq, last_hash = v_hash where org_id = p_org and stream = 'events';
  end if;
  if cardinality(p_calls) > 0 then
    select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'tools' for update;
    if not found then
      insert into f_audit_chains values (p_org, 'tools', 0, sha256(convert_to(p_org::text || '|tools', 'UTF8'))) on conflict do nothing;
      select last_seq, last_hash into v_first, v_hash from f_audit_chains where org_id = p_org and stream = 'tools' for update;
    end if;
    v_seq := v_first; v_chain := array[v_hash];
    foreach v_text in array p_calls loop
      v_seq := v_seq + 1;
      v_hash := sha256(v_hash || convert_to(v_seq::text || '|' || v_text, 'UTF8'));
      v_chain := array_append(v_chain, v_hash);
    end loop;
    insert into f_audit_mcp_tools (id, org_id, call_id, phase, session_id, turn_id, state_rev, context_no, caller, tool_name, tool_version, request_payload,
                                   response_payload, args_digest, effect_id, status, code, policy_decision, masked_fields, assurance, upstream, latency_ms,
                                   bot_context, trace_id, at, created_at, chain_seq, prev_hash, row_hash)
    select r.id, p_org, r.call_id, r.phase, r.session_id, r.turn_id, r.state_rev, r.context_no, r.caller, r.tool_name, r.tool_version, r.request_payload,
           r.response_payload, r.args_digest, r.effect_id, r.status, r.code, r.policy_decision, r.masked_fields, r.assurance, r.upstream, r.latency_ms,
           r.bot_context, r.trace_id, r.at, r.at, v_first + t.n, v_chain[t.n], v_chain[t.n + 1]
    from unnest(p_calls) with ordinality as t(c, n),
         jsonb_to_record(t.c::jsonb) as r(id uuid, call_id uuid, phase text, session_id uuid, turn_id uuid, state_rev int, context_no int, caller jsonb,
                                          tool_name text, tool_version text, request_payload jsonb, response_payload jsonb, args_digest text, effect_id uuid,
                                          status text, code text, policy_decision jsonb, masked_fields text[], assurance text, upstream jsonb, latency_ms int,
                                          bot_context jsonb, trace_id text, at timestamptz);
    update f_audit_chains set last_seq = v_seq, last_hash = v_hash where org_id = p_org and stream = 'tools';
  end if;
end $$;

-- What the caller asked for before `preview` normalised it: the same words asked again meet the effect that was confirmed.
alter table e_ops_effects add column asked_digest text;
create index e_ops_effects_order on e_ops_effects (org_id, (preview ->> 'order_id')) where state in ('proposed','confirmed');

-- A mall that was disconnected may be connected by another organisation.
create or replace function sys_org_by_mall(p_mall text) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select org_id from a_iam_auth_settings where providers -> 'cafe24' ->> 'mall_id' = p_mall and providers -> 'cafe24' ->> 'status' is distinct from 'revoked' $$;

create function sys_org_by_business_number(p_number text) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select id from a_iam_organizations where business_registration_number = p_number $$;
revoke all on function sys_org_by_business_number(text) from public;
grant execute on function sys_org_by_business_number(text) to sangdam_app;
