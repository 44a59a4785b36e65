"""How far a confirmation can be trusted: how often it calls a winner better when nothing can be learned, and how often
when something better was planted."""
