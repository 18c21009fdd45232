"""The gate every tool call passes: validate, policy, identity, once-only, run, audit. Tools themselves live above.

What a package that brings tools needs is here too (`docs/extending.md`): these names stay.
"""

from sangdam.tools.codes import CODES, Code
from sangdam.tools.effects import ByMember, ByShopper, Effects
from sangdam.tools.gate import Gate
from sangdam.tools.model import (
    Assurance,
    Call,
    CallerKind,
    DefaultPolicy,
    Failed,
    Invalid,
    Preview,
    Tool,
    Unknown,
    UpstreamCall,
)
from sangdam.tools.packages import ToolContext
from sangdam.tools.policies import Policies
from sangdam.tools.published import published_output, published_schema
from sangdam.tools.registry import Registry, check_catalogue, seed_policies, sync_catalogue

__all__ = [
    "CODES",
    "Assurance",
    "ByMember",
    "ByShopper",
    "Call",
    "CallerKind",
    "Code",
    "DefaultPolicy",
    "Effects",
    "Failed",
    "Gate",
    "Invalid",
    "Policies",
    "Preview",
    "Registry",
    "Tool",
    "ToolContext",
    "Unknown",
    "UpstreamCall",
    "check_catalogue",
    "published_output",
    "published_schema",
    "seed_policies",
    "sync_catalogue",
]
