"""The arena: searches replayed on recorded learning curves, with simulated workers and a simulated clock."""
