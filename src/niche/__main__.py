"""``python -m niche``."""

from __future__ import annotations

import sys

from niche.cli import main

sys.exit(main())
