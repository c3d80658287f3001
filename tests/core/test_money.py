"""Prices as people read them."""

import pytest

from chanops.core.money import a_month, an_hour


@pytest.mark.parametrize(
    ("price", "text"),
    [(0, "$0/h"), (0.00893, "$0.00893/h"), (0.1, "$0.1/h"), (1, "$1/h"), (20, "$20/h"), (1.5, "$1.5/h")],
)
def test_an_hour_has_as_many_digits_as_it_needs(price, text):
    assert an_hour(price) == text


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (0, "$0.00/month"),
        (0.0001, "$0.01/month"),
        (1.5, "$1.50/month"),
        (12.346, "$12.35/month"),
        (1000, "$1000.00/month"),
    ],
)
def test_a_month_is_never_less_than_a_cent_where_there_is_anything_to_pay(price, text):
    assert a_month(price) == text
