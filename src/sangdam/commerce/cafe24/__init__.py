"""A Cafe24 mall as a `Shop`. Its client knows only the calls listed in tools.md, and only tools can reach it."""
