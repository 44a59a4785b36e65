"""Whole searches of other libraries, as the arena asks them. Each module imports its library."""
