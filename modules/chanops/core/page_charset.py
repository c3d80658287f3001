"""The text of a page's bytes: in the encoding that the page, or who sent it, says it has."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder

BOMS = {BOM_UTF8: "utf-8", BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
LOOKED_AT = 4096  # bytes; browsers look at 1024 first, and again when they come to it
DECLARED = re.compile(
    rb"""<(?:meta\s[^>]{0,500}?charset\s*=|\?xml\s[^>]{0,100}?encoding\s*=)\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE
)
COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
WESTERN = "cp1252"
# Names as pages write them, without case and all that is no letter or digit. A table, and not Python's own names:
# among those are "hex", "rot13", "idna" and "utf-7", and it keeps each name that it was ever asked for.
NAMES = {
    "cp866": "866 cp866 ibm866",
    "cp874": "cp874 iso885911 tis620 windows874",
    "cp932": "cp932 mskanji shiftjis sjis windows31j xsjis",
    "cp949": "cp949 euckr korean ksc56011987 ksc5601 windows949",
    "cp1252": "ascii cp819 cp1252 iso88591 l1 latin1 usascii xcp1252 windows1252",
    "cp1254": "cp1254 iso88599 l5 latin5 windows1254 xcp1254",
    "big5hkscs": "big5 big5hkscs cnbig5 cp950 xxbig5",
    "euc_jp": "eucjp xeucjp",
    "gb18030": "chinese cp936 gb18030 gb2312 gb231280 gbk xgbk",
    "iso2022_jp": "iso2022jp",
    "koi8_r": "koi koi8 koi8r",
    "koi8_u": "koi8u koi8ru",
    "mac_cyrillic": "maccyrillic xmaccyrillic",
    "mac_roman": "mac macintosh macroman xmacroman",
    "utf-8": "unicode11utf8 utf8 xutf8",
    "utf-16-be": "utf16be",
    "utf-16-le": "utf16 utf16le unicode ucs2 iso10646ucs2",
} | {
    **{
        f"cp{number}": f"windows{number} cp{number} xcp{number}"
        for number in (1250, 1251, 1253, 1255, 1256, 1257, 1258)
    },
    **{f"iso8859_{each}": f"iso8859{each}" for each in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}
CODECS = {name: codec for codec, names in NAMES.items() for name in names.split()}
NO_NAME = re.compile(r"[^a-z0-9]")


def codec_of(name: str) -> str:
    """Python's name of an encoding, or "" where it is none that a page may have."""
    return CODECS.get(NO_NAME.sub("", name[:40].lower()), "")


def declared(page: bytes) -> str:
    """Python's name of the encoding that a page says of itself."""
    found = DECLARED.search(COMMENT.sub(b"", page[:LOOKED_AT]))
    codec = codec_of(found[1].decode("ascii", "replace")) if found else ""
    # whoever could read the word in single bytes does not read UTF-16
    return "utf-8" if codec.startswith("utf-16") else codec


def decoded(page: bytes, charset: str = "") -> str:
    """A page's text; never fails. `charset` is what the server said, and goes before what the page says."""
    for bom, codec in BOMS.items():
        if page.startswith(bom):
            return page[len(bom) :].decode(codec, "replace")
    codec = codec_of(charset) or declared(page)
    if codec:
        return page.decode(codec, "replace")
    try:
        return getincrementaldecoder("utf-8")().decode(page)  # the last letter may be cut
    except UnicodeDecodeError:
        return page.decode(WESTERN, "replace")
