"""Cut a message into its requests."""


def split_clauses(text: str) -> tuple[str, ...]:
    return (text,)
