"""What a sweep costs beyond its training, and what the training itself costs."""
