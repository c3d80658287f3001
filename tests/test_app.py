"""What all parts do together, where no part alone could."""

import pytest
from sqlalchemy import select

from chanops.services.tables import replies
from chanops.testing import line


@pytest.fixture
def extra_configuration():
    return "[channel:#ops]\nlog = no\n"


@pytest.mark.parametrize("channel", ["#dev", ""])
def test_a_long_answer_is_put_on_a_page(bot, channel):
    address = bot.app.keep_page(line(".run all uptime", channel=channel), "long")
    assert bot.app.publishing.replies.find(address.rpartition("/")[2]).asked == ".run all uptime"


def test_where_nothing_is_kept_a_long_answer_is_not_either(bot):
    assert bot.app.keep_page(line(".run all uptime", channel="#ops"), "long") == ""
    with bot.app.database.read() as connection:
        assert not connection.execute(select(replies)).all()
