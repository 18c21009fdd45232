"""What a Korean sentence says: normal form, values, phrases, answers, intents. Pure: no I/O, no clock, no key.

Spans count in `Normal.text`, never in what was typed; `Normal.raw_span` leads back.
"""

from sangdam.nlu.choice import Ambiguous as Ambiguous
from sangdam.nlu.choice import ChoiceReading as ChoiceReading
from sangdam.nlu.choice import NoneOfThese as NoneOfThese
from sangdam.nlu.choice import Option as Option
from sangdam.nlu.choice import PageTo as PageTo
from sangdam.nlu.choice import Picked as Picked
from sangdam.nlu.choice import read_choice as read_choice
from sangdam.nlu.choice import read_multi_choice as read_multi_choice
from sangdam.nlu.correction import Correction as Correction
from sangdam.nlu.correction import read_correction as read_correction
from sangdam.nlu.dates import Period as Period
from sangdam.nlu.normal import Normal as Normal
from sangdam.nlu.normal import normalise as normalise
from sangdam.nlu.phrases import Global as Global
from sangdam.nlu.phrases import Ground as Ground
from sangdam.nlu.phrases import abuse_level as abuse_level
from sangdam.nlu.phrases import gravity as gravity
from sangdam.nlu.phrases import is_complaint as is_complaint
from sangdam.nlu.phrases import is_filler_opening as is_filler_opening
from sangdam.nlu.phrases import is_legal_threat as is_legal_threat
from sangdam.nlu.phrases import language_of as language_of
from sangdam.nlu.phrases import read_global as read_global
from sangdam.nlu.phrases import strip_courtesy as strip_courtesy
from sangdam.nlu.product import product_phrase as product_phrase
from sangdam.nlu.slots import ExpectedKind as ExpectedKind
from sangdam.nlu.slots import Slot as Slot
from sangdam.nlu.slots import find_slots as find_slots
from sangdam.nlu.slots import settle as settle
from sangdam.nlu.wording import option_key as option_key
from sangdam.nlu.yesno import read_yes_no as read_yes_no
