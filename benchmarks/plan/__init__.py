"""What `tunelab plan` predicts against what the sweep then costs: wall time, epochs, memory, disk."""
