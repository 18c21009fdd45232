"""What a shop can tell us and do for us. `cafe24/` is one such shop; `memory.py` is its stand-in. Both keep `shop.py`'s promise."""

from sangdam.commerce.aliases import Alias as Alias
from sangdam.commerce.aliases import Aliases as Aliases
from sangdam.commerce.house import House as House
from sangdam.commerce.house import Mismatches as Mismatches
from sangdam.commerce.juso import AddressSearch as AddressSearch
from sangdam.commerce.shop import Shop as Shop
from sangdam.commerce.shop import ShopFailure as ShopFailure
from sangdam.commerce.tools import tools as tools
