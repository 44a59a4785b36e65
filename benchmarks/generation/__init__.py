"""The benchmark of text generation settings: one run compares them on quality, diversity and speed."""
