"""How figures are written."""


def number(value: float) -> str:
    """Write three digits that count, and no fewer than all of an integer part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
