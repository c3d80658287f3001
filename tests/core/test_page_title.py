"""Titles out of pages: what browsers show, in any encoding; and nothing bad from pages that were made to be bad."""

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis.strategies import binary, lists, sampled_from, text

from chanops.core.page_charset import CODECS, codec_of, decoded
from chanops.core.page_title import LONGEST, title_of

MOST_BYTES = 262144
SLOWEST = 0.2
SHARED = '<meta property="og:title" content="shared">'


@pytest.mark.parametrize(("page", "title"), {
    "<title>plain</title>": "plain",
    "<TITLE lang=en>upper</TITLE >": "upper",
    "<html><head><title>\r\n  two\t words \n</title></head>": "two words",
    "<title>a &amp;lt; b &#x41;&#66; &eacute;</title>": "a &lt; b AB é",
    "<title>a <b>bold</b> one</title>": "a <b>bold</b> one",
    "<title></title><title>second</title>": "second",
    "<title>first</title><title>second</title>": "first",
    "<title a='>' b=\">\" c=x>y>quoted</title>": "y>quoted",
    "<!-- <title>no</title> --><title>yes</title>": "yes",
    "<!--><title>yes</title>-->": "yes",
    "<!---><title>yes</title>-->": "yes",
    "<!doctype html><?php > ?></3><title>yes</title>": "yes",
    "<script>'<title>no</title>'</script><title>yes</title>": "yes",
    "<script>'</scripty><title>no</title>'</script><title>yes</title>": "yes",
    "<style><title>no</title></style><title>yes</title>": "yes",
    "<template><title>no</title></template><title>yes</title>": "yes",
    "<svg><title>no</title></svg><title>yes</title>": "yes",
    "<svg><svg><title>no</title></svg><title>no</title></svg><title>yes</title>": "yes",
    "<svg/><title>yes</title>": "yes",
    "<math><title>no</title></math><title>yes</title>": "yes",
    "1 < 2 <3 <<title>yes</title>": "yes",
    "1 < 2 <3 < <title>yes</title>": "yes",
    "<head></head><title>no</title>": "",
    "<body><title>no</title>": "",
    "<title>never ends": "",
    "<title>cut</tit": "",
    "<title/>slash</title>": "slash",
    "<titles>no</titles>": "",
    "": "",
    "no page at all": "",
    SHARED: "shared",
    f"<title>own</title>{SHARED}": "shared",
    f"{SHARED}<title>own</title>": "shared",
    "<META CONTENT='shared &amp;amp;' PROPERTY='OG:Title' />": "shared &amp;",
    "<meta name=og:title content=bare>": "bare",
    "<meta property=og:title content=''><title>own</title>": "own",
    "<meta property=og:title><title>own</title>": "own",
    "<meta property=og:description content='og:title'><title>own</title>": "own",
    "<meta property=og:title content=a content=b>": "a",
    f"<!-- {SHARED} --><title>own</title>": "own",
    f"<title>own</title><body>{SHARED}": "own",
}.items())  # fmt: skip
def test_a_title_is_what_a_browser_shows(page, title):
    assert title_of(page.encode()) == title


@pytest.mark.parametrize(("raw", "title"), {
    "a\x00b\x02c\x1dd\x7fe\x9bf": "abc def",
    "\u202eevil\u202c \u2066x\u2069 \u200ey": "evil x y",
    "ze\u200bro\u2060wi\ufeffdth": "zerowidth",
    "a&#13;&#10;QUIT :b": "a QUIT :b",
    "a\u2028b\u2029c\u0085d": "a b c d",
    "&#x202e;&#8203;&#0;&#xd800;": "\ufffd\ufffd",
    "\u3164\u115f\u00ad": "",
    "x" * 201: "x" * 199 + "…",
    "&" * 5000: "&" * 199 + "…",
    "&#" + "1" * 200_000: "\ufffd",
}.items())  # fmt: skip
def test_a_title_is_one_line_that_can_be_seen(raw, title):
    assert title_of(f"<title>{raw}</title>".encode()) == title


@pytest.mark.parametrize(("page", "charset", "title"), [
    ("<title>grüße</title>".encode("latin-1"), "ISO-8859-1", "grüße"),
    ("<title>“x”</title>".encode("cp1252"), "iso-8859-1", "“x”"),
    ("<title>日本語</title>".encode("shift_jis"), "Shift_JIS", "日本語"),
    ("<title>日本語</title>".encode("euc_jp"), "x-euc-jp", "日本語"),
    ("<title>中文标题</title>".encode("gb18030"), "gb2312", "中文标题"),
    ("<title>中文標題</title>".encode("big5"), "Big5", "中文標題"),
    ("<title>한국어</title>".encode("euc_kr"), "ks_c_5601-1987", "한국어"),
    ("<title>привет</title>".encode("koi8_r"), "KOI8-R", "привет"),
    ("<title>привет</title>".encode("cp1251"), "windows-1251", "привет"),
    ("\ufeff<title>grüße</title>".encode("utf-16-le"), "", "grüße"),
    ("\ufeff<title>grüße</title>".encode("utf-16-be"), "utf-8", "grüße"),
    ("\ufeff<title>grüße</title>".encode(), "latin-1", "grüße"),
    ("<meta charset=windows-1251><title>привет</title>".encode("cp1251"), "", "привет"),
    ('<meta http-equiv=Content-Type content="text/html; charset=koi8-r"><title>привет</title>'.encode("koi8_r"), "",
     "привет"),
    ('<?xml version="1.0" encoding="iso-8859-2"?><title>łódź</title>'.encode("iso8859_2"), "", "łódź"),
    ("<meta charset=koi8-r><title>grüße</title>".encode(), "utf-8", "grüße"),
    ("<!-- <meta charset=koi8-r> --><title>grüße</title>".encode(), "", "grüße"),
    ("<meta charset=utf-16><title>grüße</title>".encode(), "", "grüße"),
    ("<title>grüße</title>".encode(), "", "grüße"),
    ("<title>grüße</title>".encode("cp1252"), "", "grüße"),
    ("<title>grüße</title>ü".encode()[:-1], "", "grüße"),
    ("<title>grüße</title>".encode("cp1252"), "utf-8", "gr\ufffd\ufffde"),
])  # fmt: skip
def test_a_page_is_read_in_its_own_encoding(page, charset, title):
    assert title_of(page, charset) == title


@pytest.mark.parametrize("name", [
    "hex", "rot13", "rot_13", "base64", "zlib", "bz2", "uu", "quopri", "utf-7", "idna", "punycode", "mbcs", "undefined",
    "unicode_escape", "raw_unicode_escape", "utf-32", "nothing", "", "\x00", "../../x", "os", "x" * 10_000, "ü\ud800",
])  # fmt: skip
def test_an_encoding_that_no_page_may_have_is_passed_over(name):
    page = "<title>+AGEAYg- \\x41 grüße</title>".encode()
    assert codec_of(name) == ""
    assert title_of(page, name) == "+AGEAYg- \\x41 grüße"
    assert title_of(b"<meta charset=" + name.encode("utf-8", "replace") + b">" + page) == "+AGEAYg- \\x41 grüße"


def test_every_known_encoding_is_one_of_pythons():
    for codec in set(CODECS.values()):
        assert "é".encode(codec, "replace").decode(codec, "replace")


UNITS = [
    "<title", "<title>", "<!--", "<!", "<?", "</", "<", "<a ", '<a b="', "<a b='",
    "<meta property=og:title content='x", "a='a=\"", "<svg>", "<svg><title>", "<script>", "<script",
    "<meta a a a a>", "<a/a/a/a", "&#1", "<a b='c' d=\"e\">", "<title></title>", "<title> </title>", "</script",
    "<script></script x", "<meta property=og:title>", "<meta og:title a a a a a a a>", "<!-->", "<meta charset",
    "<meta charset=x>", "<a =", "<p>", "<?xml encoding",
]  # fmt: skip


@pytest.mark.parametrize("begin", ["", "<title>", "<script>", "<a ", "<!--", "<meta ", "<svg>"])
def test_a_page_made_to_be_slow_is_read_quickly(begin):
    slow = {}
    for unit in UNITS:
        page = (begin + unit * (MOST_BYTES // len(unit) + 1)).encode()[:MOST_BYTES]
        started = time.process_time()
        title_of(page)
        slow[unit] = time.process_time() - started
    assert max(slow.values()) < SLOWEST, slow


def check(title):
    assert len(title) <= LONGEST
    assert title == title.strip()
    assert all(unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp") for letter in title)
    assert not set(title) & set("\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


PIECES = [
    "<", ">", "</", "/>", "<!--", "-->", "<title>", "</title>", "<meta ", "property=og:title", "content=", "'", '"',
    "=", "<svg>", "</svg>", "<script>", "</script>", "&#", "&amp;", "&#x202e;", ";", " ", "\n", "charset=", "x",
    "\u202e", "\x00", "ü", "<head>", "</head>", "<?xml encoding=", "utf-16", "shift_jis", "iso-2022-jp", "\x1b$B",
]  # fmt: skip


@given(lists(sampled_from(PIECES), max_size=60), sampled_from(["", "utf-8", "utf-16", "iso-2022-jp", "hex", "gb18030"]))
@settings(max_examples=300)
def test_whatever_tags_come_the_title_is_clean(pieces, charset):
    check(title_of("".join(pieces).encode(), charset))


@given(binary(max_size=500), text(max_size=20))
@example(b"\xff\xfe<", "utf-16")
@settings(max_examples=300)
def test_whatever_bytes_come_the_title_is_clean(page, charset):
    assert isinstance(decoded(page, charset), str)
    check(title_of(b"<title>" + page + b"</title>", charset))
    check(title_of(page, charset))
