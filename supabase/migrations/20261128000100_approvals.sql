-- Part 2: whose yes counts, when the shop is asked what became of a write, answers kept for a repeated request.

set local role sangdam_owner;

-- An admin says that a person sits in front of this client: only then its elicitation counts as that person's yes.
alter table a_iam_api_tokens add column operated_by_person boolean not null default false;

-- When the shop is next asked what became of a write whose end is not known; null: it is not asked any more, a person looks.
alter table e_ops_effects add column looks int not null default 0, add column next_look_at timestamptz;
drop index e_ops_effects_unsettled;
create index e_ops_effects_unsettled on e_ops_effects (coalesce(next_look_at, lease_until)) where state in ('running','unknown');
create index e_ops_effects_waiting on e_ops_effects (org_id, created_at) where state in ('proposed','confirmed');
create index e_ops_effects_lapsing on e_ops_effects (expires_at) where state in ('proposed','confirmed');

create or replace function sys_due_reconcile(p_now timestamptz, p_limit int) returns table (org_id uuid, effect_id uuid) stable security definer
  set search_path = public language sql as $$
  select e.org_id, e.id from e_ops_effects e
  where (e.state = 'unknown' and e.next_look_at <= p_now) or (e.state = 'running' and coalesce(e.next_look_at, e.lease_until) <= p_now)
  order by coalesce(e.next_look_at, e.lease_until) limit p_limit $$;

-- Organisations with a proposal whose ten minutes are over.
create function sys_lapsed_proposals(p_now timestamptz, p_limit int) returns table (org_id uuid) stable security definer set search_path = public language sql as $$
  select distinct e.org_id from e_ops_effects e where e.state in ('proposed','confirmed') and e.expires_at <= p_now limit p_limit $$;
revoke all on function sys_lapsed_proposals(timestamptz, int) from public;
grant execute on function sys_lapsed_proposals(timestamptz, int) to sangdam_app;

-- One row for each Idempotency-Key of a state-changing route: claimed before the work, its answer kept for a repeat.
create table e_ops_requests (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  caller text not null, key_hash text not null, request_hash text not null,
  status int, answer text, claimed_until timestamptz not null, created_at timestamptz not null default now(),
  unique (org_id, caller, key_hash)
);
create index e_ops_requests_age on e_ops_requests (created_at);
alter table e_ops_requests enable row level security;
alter table e_ops_requests force row level security;
create policy org_isolation on e_ops_requests for all using (org_id = (select app_org_id())) with check (org_id = (select app_org_id()));
create policy owner_all on e_ops_requests for all to sangdam_owner using (true) with check (true);
grant select, insert, update, delete on e_ops_requests to sangdam_app;
