-- A rotated resume token: the one before it stays good until the new one is used, a minute at most, so that an answer lost on the
-- way locks nobody out.
set local role sangdam_owner;

alter table d_conv_sessions
  add column resume_used boolean not null default false,
  add column resume_previous_hash text,
  add column resume_previous_expires_at timestamptz;
create unique index d_conv_sessions_resume_previous on d_conv_sessions (resume_previous_hash) where resume_previous_hash is not null;

create or replace function sys_org_by_resume(p_hash text) returns table (org_id uuid, session_id uuid) stable security definer set search_path = public language sql as $$
  select s.org_id, s.id from d_conv_sessions s join a_iam_organizations o on o.id = s.org_id
  where (s.resume_hash = p_hash or s.resume_previous_hash = p_hash) and o.status = 'active' $$;
