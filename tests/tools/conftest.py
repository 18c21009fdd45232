"""What the gate's tests share."""

import pytest

from sangdam.db.testing import Addresses


@pytest.fixture
def addresses_superuser(addresses: Addresses) -> str:
    """Past row security and triggers, as somebody who got hold of the server would be."""
    return addresses.superuser
