"""The gate every tool call passes: validate, policy, identity, once-only, run, audit. Tools themselves live above."""

from sangdam.tools.codes import CODES, Code
from sangdam.tools.effects import ByMember, ByShopper, Effects
from sangdam.tools.gate import Gate
from sangdam.tools.policies import Policies
from sangdam.tools.published import published_output, published_schema
from sangdam.tools.registry import Registry, check_catalogue, seed_policies, sync_catalogue

__all__ = [
    "CODES",
    "ByMember",
    "ByShopper",
    "Code",
    "Effects",
    "Gate",
    "Policies",
    "Registry",
    "check_catalogue",
    "published_output",
    "published_schema",
    "seed_policies",
    "sync_catalogue",
]
