"""The one logger of the package; the root logger is never configured."""

from __future__ import annotations

import logging

logger = logging.getLogger("niche")
logger.addHandler(logging.NullHandler())
