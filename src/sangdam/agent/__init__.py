"""One turn: understand, decide, act through the gate, answer. The dialogue itself is pure; `turn.py` is its shell."""
