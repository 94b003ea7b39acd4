"""Names that the books give: a question keeps its id as long as its cause is the same."""

from __future__ import annotations

from hashlib import blake2b


def question_id(register: str, topic: str, at: int) -> str:
    """Sixteen hexadecimal digits, the same for the same question."""
    return blake2b(f"{register}\n{topic}\n{at}".encode(), digest_size=8).hexdigest()
