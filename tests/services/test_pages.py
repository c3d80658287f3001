"""The addresses of our own pages."""

import pytest

from chanops.services.pages import Pages

PAGES = Pages("https://ops.example/bot")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (PAGES.home, "https://ops.example/bot/"),
        (PAGES.line(123), "https://ops.example/bot/line/123"),
        (PAGES.reply("aB-_9"), "https://ops.example/bot/reply/aB-_9"),
        (PAGES.feed("rss"), "https://ops.example/bot/feed.rss"),
        (PAGES.feed("atom"), "https://ops.example/bot/feed.atom"),
        (PAGES.feed("rss", "links"), "https://ops.example/bot/links.rss"),
        (PAGES.feed("atom", "jobs"), "https://ops.example/bot/jobs.atom"),
        (PAGES.jobs, "https://ops.example/bot/jobs"),
        (PAGES.job(41), "https://ops.example/bot/jobs/41"),
        (PAGES.machines, "https://ops.example/bot/machines"),
    ],
)
def test_pages_are_below_the_root(address, expected):
    assert address == expected


def test_where_no_pages_are_served_no_address_is_told():
    nowhere = Pages("")
    told = {nowhere.home, nowhere.line(1), nowhere.reply("x"), nowhere.feed("rss"), nowhere.feed("atom", "jobs")}
    assert told | {nowhere.jobs, nowhere.job(1), nowhere.machines} == {""}
