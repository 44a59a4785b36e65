"""How far a confirmation can be trusted.

It measures how often a confirmation calls a winner better when nothing can be learned, and how often when something
better was planted.
"""
