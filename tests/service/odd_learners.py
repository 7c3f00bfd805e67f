"""Learners that are not as plans like them, of each kind."""

from .odd import Odd
from .odd_networks import NETWORKS
from .odd_raw import RAW_LEARNERS
from .odd_tables import TABLES
from .odd_texts import TEXT_LEARNERS

LEARNERS: dict[str, Odd] = {**TABLES, **TEXT_LEARNERS, **NETWORKS, **RAW_LEARNERS}
