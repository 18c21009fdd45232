-- External tools: MCP servers that an organisation connected, and what it decided about their tools.

set local role sangdam_owner;

create table c_mcp_servers (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  name text not null check (name ~ '^[a-z][a-z0-9_-]{1,30}$'), url text not null check (length(url) <= 2000), secret text,
  -- By tool name: as last listed, what was decided about it, the digest of its present form and the one that was allowed.
  tools jsonb not null default '{}' check (jsonb_typeof(tools) = 'object'),
  -- Listed and not usable here: [{name, reason}].
  left_out jsonb not null default '[]' check (jsonb_typeof(left_out) = 'array'),
  protocol text, status text not null default 'active' check (status in ('active','disabled','failing')),
  last_seen_at timestamptz, listed_at timestamptz,
  version int not null default 1, created_by uuid not null, updated_by uuid,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  unique (org_id, name)
);
alter table c_mcp_servers enable row level security;
alter table c_mcp_servers force row level security;
create policy org_isolation on c_mcp_servers for all using (org_id = (select app_org_id())) with check (org_id = (select app_org_id()));
create policy owner_all on c_mcp_servers for all to sangdam_owner using (true) with check (true);
grant select, insert, update, delete on c_mcp_servers to sangdam_app;

-- A policy names a tool of the catalogue, or a tool of an external server of the same organisation.
create or replace function c_mcp_tool_policies_known() returns trigger language plpgsql as $$
declare v_slash int := position('/' in new.tool_name);
begin
  if v_slash = 0 and exists (select from c_mcp_tools t where t.name = new.tool_name) then
    return new;
  end if;
  if v_slash > 0 and exists (select from c_mcp_servers s where s.org_id = new.org_id and s.name = left(new.tool_name, v_slash - 1)
      and s.tools ? substr(new.tool_name, v_slash + 1)) then
    return new;
  end if;
  raise exception 'no such tool: %', new.tool_name using errcode = 'foreign_key_violation';
end $$;

-- An external server is an upstream like any other: `mcp:<name>`.
alter table c_mcp_breakers drop constraint c_mcp_breakers_upstream_check;
alter table c_mcp_breakers add constraint c_mcp_breakers_upstream_check
  check (upstream in ('cafe24','juso','solapi','openai','gemini','smtp') or upstream ~ '^mcp:[a-z][a-z0-9_-]{1,30}$');
