"""Shared words: ids, the clock, kinds of expected failure, phones, masks and the shop's vocabulary. Knows nothing above it."""
