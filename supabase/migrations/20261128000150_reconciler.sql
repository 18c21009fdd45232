-- The reconciler closes audit rows that a dead process left open.

set local role sangdam_owner;

create index f_audit_mcp_tools_opened on f_audit_mcp_tools (org_id, effect_id) where phase = 'opened';
