"""Money, as people read it. All prices are in dollars."""

HOURS_A_MONTH = 672  # from which on a month's price holds


def an_hour(price: float) -> str:
    """$0.048/h."""
    return f"${price:.5f}".rstrip("0").rstrip(".") + "/h"


def a_month(price: float) -> str:
    """$1.50/month; never less than a cent where there is anything to pay."""
    return f"${max(price, 0.01) if price else 0:.2f}/month"
