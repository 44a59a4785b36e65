"""Other ways to do the same work, each a script of its own: ``python -m benchmarks.speed.peers.NAME WORK OUTCOME``."""
