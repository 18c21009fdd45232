"""Shoppers waiting for a product: what they asked for, what is planned for them, what the shop says of its return."""

from sangdam.restock.model import Mall as Mall
from sangdam.restock.model import Rule as Rule
from sangdam.restock.rules import Rules as Rules
from sangdam.restock.subscriptions import Subscriptions as Subscriptions
from sangdam.restock.tools import tools as tools
