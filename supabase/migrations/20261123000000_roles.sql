-- runs as: whoever connects
-- The two roles of the product. sangdam_owner owns every object and is used by no running process; sangdam_app is what the
-- processes connect as: no superuser, no BYPASSRLS, owner of nothing. May be run again.
do $$
begin
  if not exists (select from pg_roles where rolname = 'sangdam_owner') then
    create role sangdam_owner nologin;
  end if;
  if not exists (select from pg_roles where rolname = 'sangdam_app') then
    create role sangdam_app login;
  end if;
  if current_user <> 'sangdam_owner' and not (select rolsuper from pg_roles where rolname = current_user) then
    execute format('grant sangdam_owner to %I', current_user);
  end if;
  if not has_database_privilege('sangdam_owner', current_database(), 'create') then
    execute format('grant create on database %I to sangdam_owner', current_database());
  end if;
  if not has_schema_privilege('sangdam_owner', 'public', 'create') then
    grant create, usage on schema public to sangdam_owner;
  end if;
  if not has_schema_privilege('sangdam_app', 'public', 'usage') then
    grant usage on schema public to sangdam_app;
  end if;
end $$;
