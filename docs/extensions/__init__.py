"""What Sphinx needs beyond its own parts: pages made from the code, offline mathematics and diagrams, Korean search."""
