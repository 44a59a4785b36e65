"""What works on this machine's GPU, and how fast, in one command and at most six minutes."""
