"""Secrets, known and unknown, in every form, cut in every place; and all that is none."""

import base64
import json
import string
from dataclasses import fields
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chanops.core.known_secrets import forms_of, secrets_of
from chanops.core.masking import BEGIN, DECIDED, END, LIMIT, MARK, mask_for, masked
from chanops.core.secret_rules import LONGEST, lowered
from chanops.core.sections import NAMED, SINGLE, Settings
from chanops.core.settings import Secret, keys_of

PLAIN = mask_for(())
KNOWN = ["hunter2secret", 'horse "staple"/é', "dop_v1_" + "ab12" * 16, "one of two lines\nthe other line", "abcabcabc"]
MASK = mask_for(KNOWN)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
TOKENS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    *(f"do{kind}_v1_" + "0123456789abcdef" * 4 for kind in "opr"),
    *(f"gh{kind}_" + "aB3" * 12 for kind in "posur"),
    "github_pat_" + "aB3_" * 20,
    "glpat-" + "aB3-" * 5,
    "glpat-" + "aB3_" * 7 + ".01.0a1b2c3d4",
    *(f"xox{kind}-1234567890-abcdef" for kind in "abprs"),
    JWT,
]
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\nAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----"
KEYS = [
    KEY,
    KEY.replace("OPENSSH ", ""),
    KEY.replace("OPENSSH", "ENCRYPTED"),
    KEY.replace("OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
    KEY.replace("-----BEGIN OPENSSH", "---- BEGIN SSH2 ENCRYPTED")
    .replace("KEY-----", "KEY ----")
    .replace("-----END OPENSSH", "---- END SSH2 ENCRYPTED"),
    KEY.replace("\n", "\\n"),
]
PIECES = [
    *(
        "\n",
        "\n",
        " ",
        " ",
        "\t",
        "=",
        ": ",
        '"',
        "'",
        '\\"',
        "\\",
        ",",
        ";",
        "@",
        "://",
        "https://bob:",
        "x",
        "-",
        "é",
    ),
    *("password", "PASSWORD=", "Token", "api_key", "secret", "--token ", "Authorization: Bearer ", "required"),
    *("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "---- END PRIVATE KEY ----", "-----END "),
    *(
        "[off]",
        "[of",
        "eyJ",
        "eyJhbGciOi",
        ".",
        "ghp_",
        "AKIA",
        "İ",
        "\u212a",
        "→",
        "\r",
        "[secret]",
        "a" * 40,
        "7" * 64,
    ),
    *("a" * 5600, " " * 8150, "=" * 3000, '"' * 2000),
    *(*TOKENS, *KNOWN, *sorted(forms_of(KNOWN))[::7]),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.sampled_from(PIECES[:60]), max_size=30).map("".join)


def in_pieces(mask, text, sizes):
    """What a stream shows of a text that comes in pieces of such sizes, again and again."""
    stream, shown, at, turn = mask.stream(), [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        shown.append(stream.feed(text[at : at + size]))
        assert len(stream.held) <= LIMIT
        at, turn = at + size, turn + 1
    return "".join(shown) + stream.end()


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(
    "around", ["{}", "say {} to it", '"{}",', "x={}", "\\n{}\\n", "({})", "https://{}@example.org/"]
)
def test_the_tokens_of_well_known_makers_are_masked(token, around):
    assert PLAIN.text(around.format(token)) == around.format(MARK)


@pytest.mark.parametrize("token", TOKENS)
def test_what_is_too_short_to_be_a_token_stays(token):
    short = token.split(".")[0][:14] if token != JWT else JWT.split(".")[0]
    assert PLAIN.text(f"say {short} to it") == f"say {short} to it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter22", "password=[secret]"),
        ("PASSWORD = hunter22 # it", "PASSWORD = [secret] # it"),
        ("passwd: hunter22", "passwd: [secret]"),
        ("token=abcdef; next", "token=[secret]; next"),
        ("api_key=abcdef", "api_key=[secret]"),
        ("apiKey: abcdef", "apiKey: [secret]"),
        ("DB_PASSWORD := abcdef", "DB_PASSWORD := [secret]"),
        (":password => 'hunter 22',", ":password => '[secret]',"),
        ("config['password'] = 'hunter22';", "config['password'] = '[secret]';"),
        ('DB_PASSWORD="a long phrase" next=1', 'DB_PASSWORD="[secret]" next=1'),
        ('"password": "hunter \\" 22", "user": "bob"', '"password": "[secret]", "user": "bob"'),
        (r"{\"password\": \"hunter22\", \"x\": 1}", r"{\"password\": \"[secret]\", \"x\": 1}"),
        ("password = 'never closed", "password = '[secret]"),
        ('password = ab"cdefgh', "password = [secret]"),
        ("password=aGVsbG8x= next", "password=[secret] next"),
        ("secret: token: abcdef", "secret: token: [secret]"),
        (
            '{"url":"https://x/?token=abcdef","password":"a b c d"}',
            '{"url":"https://x/?token=[secret]","password":"[secret]"}',
        ),
        ('curl "https://x/?token=abcdef" -o file', 'curl "https://x/?token=[secret]" -o file'),
        ("mysql --password=hunter22 -u root", "mysql --password=[secret] -u root"),
        ("kubeadm join --token abcdef.0123 --skip", "kubeadm join --token [secret] --skip"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfi", "aws_secret_access_key = [secret]"),
        ('"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfi",', '"SecretAccessKey": "[secret]",'),
        ("X-Auth-Token: abcdef", "X-Auth-Token: [secret]"),
        ("Authorization: Bearer abcdef.123", "Authorization: Bearer [secret]"),
        ("authorization: basic dXNlcjpw", "authorization: basic [secret]"),
        ("{'Authorization': 'Basic dXNlcjpw', 'x': 'y'}", "{'Authorization': 'Basic [secret]', 'x': 'y'}"),
        (r"b'Authorization: Bearer abcdef\r\nHost: x\r\n'", r"b'Authorization: Bearer [secret]\r\nHost: x\r\n'"),
        ("postgres://app:p@ss#w@db:5432/app", "postgres://app:[secret]@db:5432/app"),
        ("redis://:x@localhost", "redis://:[secret]@localhost"),
        ("passwordİ password=hunter22", "passwordİ password=[secret]"),
        ("a password=hunter22 and a password=hunter23", "a password=[secret] and a password=[secret]"),
    ],
)
def test_what_stands_beside_its_name_is_masked_and_nothing_else(text, expected):
    assert PLAIN.text(text) == expected
    assert PLAIN.text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "password: required",
        "Error: token: expired.",
        "the password hunter22",
        "password=",
        "password=short",
        'password: ""',
        '"token": null, "next": "something long"',
        "passwd: compat systemd",
        "[sudo] password for alice: ",
        "Enter passphrase for key '/root/.ssh/id_ed25519': ",
        "syntax error near unexpected token `('",
        "std::token::parse(x)",
        "if password == other_value:",
        "max_tokens=1234567",
        "token_file = /run/secrets/x",
        "  --token string   what to log in with",
        "secret://vault/path",
        "Authorization: required",
        "https://bob@example.org/x",
        "http://localhost:8080/x@y",
        '{"url":"http://host:8080","email":"bob@example.com"}',
        "XAKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLE7",
        "eyJhbGciOiJIUzI1NiJ9 alone",
        "say [off] within a line",
        "a PRIVATE KEY is not begun by its name",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
        "trailing spaces  \r\nand\ttabs\n\n",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert PLAIN.text(text) == text
    assert in_pieces(PLAIN, text, [1]) == text


@given(
    st.text(st.sampled_from(string.ascii_letters + string.digits + ' "/+=&\\é→\n'), min_size=6, max_size=90),
    st.text(max_size=5),
    st.text(max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_a_known_secret_is_masked_in_every_form(secret, before, after):
    mask = mask_for([secret])
    raw = secret.encode()
    forms = [json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret)]
    forms += [json.dumps(secret)[1:-1].replace("/", "\\/")]
    forms += [raw.hex(), raw.hex().upper(), raw.hex().title()]
    forms += [secret] if "\n" not in secret else []
    for form in forms:
        assert form not in mask.text(f"{before}{form}{after}").replace(MARK, "\0")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before.encode() + raw + after.encode()).decode()
        begin, end = len(before.encode()) * 8, len(before.encode() + raw) * 8
        form = whole[-(-begin // 6) : end // 6]  # all that its bits alone decide
        for text in (whole, whole.rstrip("=")):
            assert form not in mask.text(text).replace(MARK, "\0")


def test_addresses_may_be_quoted_in_small_letters():
    assert mask_for(['a/b"c/d']).text("?x=a%2fb%22c%2fd&y") == "?x=[secret]&y"


def test_a_token_is_masked_where_base64_ends_its_lines():
    token = "dop_v1_" + "0123456789abcdef" * 4
    shown = mask_for([token]).text(base64.encodebytes(f"{token}\n".encode()).decode())
    assert shown.startswith("[secret]\n[secret]")
    assert len(shown) < 24


def test_only_what_a_short_secret_is_too_short_for_stays():
    assert mask_for(["short", ""]).text("short") == "short"
    assert mask_for(["short"]).text("c2hvcnQ= 73686f7274") == "c2hvcnQ= 73686f7274"
    assert mask_for(["longer"]).text("a longer one") == "a [secret] one"


def test_a_secret_of_many_lines_is_masked_line_by_line():
    assert MASK.text("it: one of two lines\n  the other line;") == "it: [secret]\n  [secret];"


def test_secrets_that_share_letters_are_masked_wholly():
    assert mask_for(["abcdef", "defghi"]).text("abcdefghi abcdefabcdef") == "[secret] [secret]"
    assert MASK.text("xabcabcabcabcx") == "x[secret]x"


def test_a_very_long_secret_is_masked():
    secret = base64.b64encode(bytes(range(256)) * 190).decode()
    assert mask_for([secret]).text(f"it is {secret}.\n").replace(MARK, "") == "it is .\n"


def test_a_mask_tells_nobody_what_it_hides():
    assert "hunter2" not in repr(MASK) + str(MASK.rules) + repr(vars(MASK))


@pytest.mark.parametrize("key", KEYS)
def test_a_private_key_becomes_one_word(key):
    assert PLAIN.text(f"first\nhere: {key} and\nmore\n") == "first\nhere: [secret] and\nmore\n"
    assert PLAIN.text(f'"private_key": "{key}", "next": 1') == '"private_key": "[secret]", "next": 1'
    assert PLAIN.text(key + key) == "[secret][secret]"
    assert PLAIN.text(f"{key}\npassword=hunter22\n") == "[secret]\npassword=[secret]\n"
    assert in_pieces(PLAIN, f"first\nhere: {key} and\nmore\n", [1]) == "first\nhere: [secret] and\nmore\n"


def test_a_private_key_that_never_ends_hides_the_rest():
    assert PLAIN.text(f"first\n{KEY[:-1]}\n[off]\npassword=hunter22\n" + "a" * 9000) == "first\n[secret]"


def test_of_a_private_key_that_never_ends_little_is_held():
    stream = PLAIN.stream()
    assert stream.feed(KEY[:60]) == MARK
    for _ in range(100):
        assert stream.feed("b3BlbnNzaC1rZXktdjEA" * 1000) == ""
        assert len(stream.held) < 100


@pytest.mark.parametrize("begin", ["[off]", "  [off] ", "\t[off]: "])
def test_a_line_that_is_off_becomes_just_that(begin):
    for rest in ("", "password=hunter22 and so on", "x" * 20000, "hunter2secret"):
        assert MASK.text(f"first\n{begin}{rest}\nlast") == "first\n[off]\nlast"
        assert in_pieces(MASK, f"{begin}{rest}\nlast\n{begin}{rest}", [100, 1]) == "[off]\nlast\n[off]"


def test_only_the_beginning_of_a_line_makes_it_off():
    assert MASK.text("x" * DECIDED + "[off] and more" * 1000) == "x" * DECIDED + "[off] and more" * 1000
    assert MASK.text(" " * LIMIT + "[off] and more" * 1000) == " " * DECIDED + "[off]"


EVERYTHING = "\n".join(
    [
        *(f"say {token} to it" for token in TOKENS[::3]),
        "password=hunter22, token: 'a b c d e f'",
        "https://bob:hunter22@example.org/",
        "Authorization: Bearer abcdef",
        "  [off] hunter22",
        f"hunter2secret, {base64.b64encode(b'x hunter2secret').decode()}",
        KEYS[0],
        KEYS[4],
        "the end",
    ]
)


def test_a_secret_may_be_cut_in_every_place():
    expected = MASK.text(EVERYTHING)
    assert not any(each in expected for each in ("hunter", "abcdef", "AKIA", "b3Bl", "a b c"))
    for at in range(len(EVERYTHING)):
        stream = MASK.stream()
        assert stream.feed(EVERYTHING[:at]) + stream.feed(EVERYTHING[at:]) + stream.end() == expected
    assert in_pieces(MASK, EVERYTHING, [1]) == expected


@given(TEXTS, st.lists(st.integers(1, 40) | st.integers(1, 9000), min_size=1, max_size=5))
@example("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", [55])
@settings(max_examples=150, deadline=None)
def test_it_makes_no_difference_in_what_pieces_a_text_comes(text, sizes):
    assert in_pieces(MASK, text, sizes) == MASK.text(text)


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_no_shortcut_misses_anything(text):
    lines = [
        line for line in BEGIN.sub("", END.sub("", text)).split("\n") if len(line) <= LIMIT and "[off]" not in line
    ]
    lines = [line for line in lines if not BEGIN.search(line)]
    expected = [masked(line, [find for rule in MASK.rules for find in rule.finds(line)], len(line)) for line in lines]
    assert MASK.text("\n".join(lines)) == "\n".join(expected)


@pytest.mark.parametrize(
    "secret", [*TOKENS[::4], "hunter2secret", "://u:hunter22@", 'password = "a b c d"', KEY[:36] + "x" + KEY[-34:]]
)
def test_in_an_endless_line_no_secret_is_cut_in_two(secret):
    hidden = PLAIN.text(secret) if secret != "hunter2secret" else MARK
    places = {*range(DECIDED - 90, DECIDED + 10, 3), *range(LIMIT - 90, LIMIT + 10, 7), 2 * DECIDED - 20, 40_000}
    for at in places:
        text = f"{'.' * at}{secret}{'.' * 9000}"
        assert MASK.text(text) == f"{'.' * at}{hidden}{'.' * 9000}"


def test_so_long_a_secret_is_never_cut_in_two_anywhere():
    secret = "".join(string.ascii_letters[at * at * 7 % 52] for at in range(1000))
    mask = mask_for([secret])
    for at in range(DECIDED - 1010, DECIDED + 10, 51):
        assert mask.text(f"{'.' * at}{secret}{'.' * 9000}") == f"{'.' * at}{MARK}{'.' * 9000}"
    assert LONGEST < DECIDED


@pytest.mark.parametrize("begin", ["password=", 'token: "', "Authorization: Bearer ", "eyJhbGciOiJIUzI1NiJ9.", "ghp_"])
@pytest.mark.parametrize("length", [3000, 6000, 8192, 20_000, 100_000])
@pytest.mark.parametrize("at", [0, 5000])
def test_a_secret_longer_than_all_that_is_held_is_hidden_to_the_next_blank(begin, length, at):
    text = f"{'. ' * at}{begin}{'abcdefgh' * (length // 8)} and so on\nmore\n"
    kept = begin if begin[-1] in '=" ' else ""
    rest = "" if begin[-1] == '"' and length < 8000 else " and so on"
    assert MASK.text(text) == f"{'. ' * at}{kept}[secret]{rest}\nmore\n"
    assert in_pieces(MASK, text, [1000]) == MASK.text(text)


def test_lines_are_shown_as_soon_as_they_end():
    stream = MASK.stream()
    assert stream.feed("one\ntwo") == "one\n"
    assert stream.feed(" and hunter2") == ""
    assert stream.feed("secret\nthree\n") == "two and [secret]\nthree\n"
    assert stream.end() == ""
    assert stream.feed("and again") + stream.end() == "and again"


def test_small_letters_stay_at_their_places():
    letters = "".join(map(chr, range(0x110000)))
    assert len(lowered(letters)) == len(letters)
    assert lowered("İABC É") == "iabc é"


def test_secrets_are_found_in_all_sections_that_have_some():
    made, canaries = {}, set()
    for name, cls in [*SINGLE.items(), *NAMED.items()]:
        values = {each.name: None for each in fields(cls)}
        for key in keys_of(cls):
            if key.secret:
                values[key.name] = Secret(f"canary of {name} {key.name}")
                canaries.add(f"canary of {name} {key.name}")
        made |= {f"{name}s": {"x": cls(**values)}} if name in NAMED else {name: cls(**values)}
    assert {"canary of provider token", "canary of network sasl_password"} <= canaries
    assert secrets_of(Settings(**made)) == canaries


def test_secrets_are_found_wherever_they_are_held():
    held = {Settings: Settings(), str: [Secret("one"), (Secret("two"), {3: frozenset({Secret("three")})})], int: "no"}
    assert secrets_of(held, Secret("four"), Secret("")) == {"one", "two", "three", "four"}
