-- What shoppers call a product, as the shop wrote it down: other names than the mall's own lead to it too.
set local role sangdam_owner;

create table g_com_product_aliases (
  id uuid primary key default gen_random_uuid(),
  org_id uuid not null references a_iam_organizations(id) on delete restrict,
  alias text not null check (length(alias) between 1 and 60),
  alias_norm text not null check (length(alias_norm) between 1 and 200),
  product_no bigint not null check (product_no > 0), variant_code text check (variant_code ~ '^[A-Z0-9]{12}$'),
  match_type text not null check (match_type in ('exact','contains')),
  priority int not null default 100 check (priority between 1 and 1000),  -- 1 comes first
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  unique (org_id, alias_norm, match_type)
);

alter table g_com_product_aliases enable row level security;
alter table g_com_product_aliases force row level security;
create policy org_isolation on g_com_product_aliases for all using (org_id = (select app_org_id())) with check (org_id = (select app_org_id()));
create policy owner_all on g_com_product_aliases for all to sangdam_owner using (true) with check (true);

grant select, insert, update, delete on g_com_product_aliases to sangdam_app;
do $$
begin
  if exists (select from pg_roles where rolname = 'authenticated') then
    execute 'grant select on g_com_product_aliases to authenticated';
  end if;
  if exists (select from pg_roles where rolname = 'anon') then
    execute 'revoke all on g_com_product_aliases from anon';
  end if;
end $$;
