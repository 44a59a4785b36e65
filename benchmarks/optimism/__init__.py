"""How far the expected loss of a winner can be trusted: bias removed and coverage of its interval."""
