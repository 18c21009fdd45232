"""AI customer service for Korean shops on Cafe24. `cli` starts it, `app` joins it."""
