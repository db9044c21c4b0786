"""Makes ``trial_tables`` and ``price_tables`` importable beside these tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
