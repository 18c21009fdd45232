-- A sweep for watchers whose notification was lost: of these conversations, which have more messages than were seen.
set local role sangdam_owner;

create function sys_advanced_sessions(p_sessions uuid[], p_seen bigint[]) returns table (session_id uuid) stable security definer set search_path = public language sql as $$
  select s.id from unnest(p_sessions, p_seen) w(id, seen) join d_conv_sessions s on s.id = w.id where s.next_seq - 1 > w.seen $$;
revoke all on function sys_advanced_sessions(uuid[], bigint[]) from public;
grant execute on function sys_advanced_sessions(uuid[], bigint[]) to sangdam_app;
