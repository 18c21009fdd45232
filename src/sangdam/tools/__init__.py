"""The gate every tool call passes: validate, policy, identity, once-only, run, audit."""
