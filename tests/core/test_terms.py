"""Words are cut once: what is searched for finds what was said, whatever its case, accents, script and dots."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.core.terms import LONGEST, MOST_OF_ONE, MOST_TERMS, TAG, indexed, nick_tag, terms_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("Deploy OK, done.", ["deploy", "ok", "done"]),
        ("web01.example.com", ["web01", "example", "com"]),
        ("/var/log/syslog", ["var", "log", "syslog"]),
        ("x86_64 a-b don't", ["x86", "64", "a", "b", "don", "t"]),
        ("v1.2.3", ["v", "1", "2", "3"]),
        ("V2", ["v", "2"]),
        ("rev3 v4b 2v1 v", ["rev3", "v4b", "2v1", "v"]),
        ("é v2 é", ["e", "v", "2", "e"]),
        ("\x0304,05red\x03 \x02bold\x02ly \x1ditalic\x0f", ["red", "boldly", "italic"]),
        ("naïve Ärger", ["naive", "arger"]),
        ("nai\u0308ve", ["naive"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σισυφοσ", "σισυφοσ"]),
        ("İstanbul", ["istanbul"]),
        ("ｆｕｌｌ ﬁne ²", ["full", "fine", "2"]),
        ("日本語", ["日本", "本語"]),
        ("日", ["日"]),
        ("日本語のtext", ["日本", "本語", "語の", "text"]),
        ("ﾃｷｽﾄ", ["テキ", "キス", "スト"]),
        ("한국어 가", ["한국", "국어", "가"]),
        ("हिन्दी", ["हिनदी"]),
        ("done🎉🎉 ok", ["done", "🎉", "🎉", "ok"]),
        ("👩\u200d💻 ❤\ufe0f", ["👩", "💻", "❤"]),
        ("a\ue000b\uf8ff\U000f0000c", ["a", "b", "c"]),
        ("half\ud800 \x00 \ufffe", ["half"]),
    ],
)
def test_a_text_is_cut_into_its_words(text, terms):
    assert terms_of(text) == terms


def test_a_lone_word_is_cut_off_and_one_word_over_and_over_counts_only_so_often():
    assert terms_of("x" * 200) == ["x" * LONGEST]
    assert terms_of("é" * 200) == ["e" * LONGEST]
    assert terms_of("spam " * 400) == ["spam"] * MOST_OF_ONE
    assert terms_of("日" * 400) == ["日日"] * MOST_OF_ONE
    assert terms_of(" ".join(map(str, range(3000)))) == [str(number) for number in range(MOST_TERMS)]


def test_a_line_is_found_by_its_words_and_behind_its_channel_by_single_characters_nick_and_kind():
    assert indexed("Ok 日本", "Bob", "topic", 7) == [
        *("ok", "日本", f"{TAG}c7", "日", "本", f"{TAG}nbob", f"{TAG}ktopic"),
    ]
    assert indexed("hello", "bob", "message", 7, public=False) == ["hello", f"{TAG}p7", f"{TAG}nbob"]


@pytest.mark.parametrize("kind", ["join", "part", "quit", "kick", "nick", "mode"])
def test_what_nobody_said_is_found_by_its_tags_alone(kind):
    assert indexed("a reason", "bob", kind, 7) == [f"{TAG}c7", f"{TAG}nbob", f"{TAG}k{kind}"]


def test_nicks_that_differ_have_different_tags_and_nicks_that_are_the_same_have_one():
    nicks = ["a", "a_", "_a", "a-", "a`", "a[", "a\ue000", "a\ue0005f\ue000", "é", "e", "", "\ud800", "a b"]
    assert len({nick_tag(nick) for nick in nicks}) == len(nicks)
    assert nick_tag("Bob[1]") == nick_tag("bOB[1]")


@given(st.text(), st.text(max_size=40), st.sampled_from(["message", "join", "topic"]))
def test_every_term_passes_the_tokenizers_as_it_is(text, nick, kind):
    for term in indexed(text, nick, kind, 3):
        assert term
        term.encode()
        assert not any(character.isascii() and not (character.isdigit() or character.islower()) for character in term)


@given(st.text())
def test_no_text_yields_a_tag(text):
    assert not any(unicodedata.category(character) == "Co" for term in terms_of(text) for character in term)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_text_that_is_written_otherwise_has_the_same_words(text):
    assert terms_of(unicodedata.normalize("NFD", text)) == terms_of(unicodedata.normalize("NFC", text))


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f")))
def test_the_quick_way_for_ascii_finds_the_same_words_as_the_long_one(text):
    assert ["e", *terms_of(text)] == terms_of(f"é {text}")
