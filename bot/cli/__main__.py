"""``python -m bot.cli``: the same as ``guichet``."""

import sys

from bot.cli.main import main

sys.exit(main())
