"""The plugins help and admin, through the bot."""

import re


def test_help_lists_what_one_may_use(bot):
    assert bot.say(".help") == [
        "commands: .again .authorize .cancel .confirm .cost .deauthorize .destroy .down .forget .get .help "
        ".images .job .jobs .keys .line .links .log .machines .missed .plugins .put .reboot .regions .reload "
        ".rename .resize .restore .run .script .seen .sizes .snapshot .snapshots .start .stop .tag .trust "
        ".up .url .whoami · .help NAME explains one",
    ]
    assert bot.say(".help", nick="bob") == [
        "commands: .confirm .forget .help .line .links .log .missed .plugins .seen .url .whoami "
        "· .help NAME explains one"
    ]


def test_help_explains_a_command_by_its_signature_and_docstring(bot):
    assert bot.say(".help .url") == ["usage: .url ADDRESS [TITLE…] · Put a link in the feed, with a title."]
    assert bot.say(".help commands")[-1] == "also called .commands"
    assert bot.say(".help reload")[0].startswith("usage: .reload [admin] · Load configuration")
    assert bot.say(".help urk") == ["alice: no .urk; did you mean .url?"]


def test_whoami_says_how_one_is_known(bot):
    assert bot.say(".whoami") == ["alice: account alice on test; roles: admin, ops"]
    assert "log in to services" in bot.say(".whoami", account="")[0]


def test_plugins_are_listed_with_where_they_come_from(bot):
    assert "links (bundled): url links, 1 that runs by itself" in bot.say(".plugins")


def test_reload_is_for_admins_and_in_a_channel(bot):
    assert bot.say(".reload") == ["reloaded 7 plugins"]
    assert "needs the role admin" in bot.say(".reload", nick="bob")[0]
    assert "in a channel" in bot.say(".reload", channel="")[0]


def test_in_private_an_unknown_command_gets_an_answer(bot):
    assert bot.say(".zzzzz", channel="") == ["no .zzzzz; .help lists what there is"]
    assert bot.say(".zzzzz") == []


def test_a_confirmation_that_nobody_waits_for(bot):
    assert re.match("alice: nothing of yours waits", bot.say(".confirm ABCDEF")[0])
