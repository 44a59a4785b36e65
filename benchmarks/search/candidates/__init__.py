"""Searches that are measured in the arena before the platform may take one of them over."""
