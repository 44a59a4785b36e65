"""Headings under which the help lists options; on their own, since a command's help is needed before records load."""

BUDGET, SEARCH, TRUST, RESOURCES, YOUR_DATA, STORE = "Budget", "Search", "Trust", "Resources", "Your data", "Store"
