"""The verification ledger: claims, probes, evidence, verdicts. It drives the product from outside and never imports it."""
