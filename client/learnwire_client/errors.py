"""What can go wrong in a call, as exceptions that a caller can tell apart."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """One fault in an input.

    Attributes:
        field: the path of the faulty field, for example `row.cells["island"]`.
        description: what was expected and what came.
    """

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class FieldError(ValueError):
    """A value that has no form on the wire, or a message that contradicts itself."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}")
        self.violation = Violation(field, description)
