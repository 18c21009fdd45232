"""Reaching a person outside the chat: one module per channel."""

from sangdam.notify.channel import Accepted as Accepted
from sangdam.notify.channel import Asked as Asked
from sangdam.notify.channel import Channel as Channel
from sangdam.notify.channel import NoAnswer as NoAnswer
from sangdam.notify.channel import Notice as Notice
from sangdam.notify.channel import Rejected as Rejected
from sangdam.notify.console import Console as Console
from sangdam.notify.sms import Solapi as Solapi
