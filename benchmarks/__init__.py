"""How things compare: settings of text generation, methods of search, speed."""
