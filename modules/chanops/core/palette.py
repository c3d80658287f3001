"""The colours of IRC and of nicks, and the style sheet in which each can be read on our pages, light and dark."""

import colorsys
from functools import cache, lru_cache

# 0 to 15 as mIRC has them, 16 to 98 as all clients agree: https://modern.ircdocs.horse/formatting
TABLE = """
ffffff 000000 00007f 009300 ff0000 7f0000 9c009c fc7f00
ffff00 00fc00 009393 00ffff 0000fc ff00ff 7f7f7f d2d2d2
470000 472100 474700 324700 004700 00472c 004747 002747 000047 2e0047 470047 47002a
740000 743a00 747400 517400 007400 007449 007474 004074 000074 4b0074 740074 740045
b50000 b56300 b5b500 7db500 00b500 00b571 00b5b5 0063b5 0000b5 7500b5 b500b5 b5006b
ff0000 ff8c00 ffff00 b2ff00 00ff00 00ffa0 00ffff 008cff 0000ff a500ff ff00ff ff0098
ff5959 ffb459 ffff71 cfff60 6fff6f 65ffc9 6dffff 59b4ff 5959ff c459ff ff66ff ff59bc
ff9c9c ffd39c ffff9c e2ff9c 9cff9c 9cffdb 9cffff 9cd3ff 9c9cff dc9cff ff9cff ff94d3
000000 131313 282828 363636 4d4d4d 656565 818181 9f9f9f bcbcbc e2e2e2 ffffff
"""
COLOURS = tuple(f"#{each}" for each in TABLE.split())
HUES = 24
READABLE = 4.5  # WCAG 2.2, 1.4.3
BLACK, WHITE = "#000000", "#ffffff"
# What stands behind text on our pages: the paper, and what is marked on it.
LIGHT, DARK = ("#fdfdfb", "#f2f3f1", "#fdf3d0"), ("#15191e", "#1e242b", "#38301a")
STEPS = 256


def rgb(colour: str) -> tuple[int, int, int]:
    """#rrggbb as three numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@cache
def luminance(colour: str) -> float:
    """How light it is, as WCAG reckons."""
    parts = [each / 255 for each in rgb(colour)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def readable(one: str, other: str) -> bool:
    """Whether text of one colour can be read on another."""
    return contrast(one, other) >= READABLE


def on_pages(colour: str, grounds: tuple[str, ...]) -> str:
    """The nearest lightness of a colour that can be read on all these grounds."""
    hue, light, full = colorsys.rgb_to_hls(*(each / 255 for each in rgb(colour)))
    darker = luminance(grounds[0]) > 0.5
    for step in range(STEPS + 1):
        lightness = light * (1 - step / STEPS) if darker else light + (1 - light) * step / STEPS
        made = as_hex(*colorsys.hls_to_rgb(hue, lightness, full))
        if all(readable(made, ground) for ground in grounds):
            return made
    return BLACK if darker else WHITE


def as_hex(red: float, green: float, blue: float) -> str:
    """Three numbers from 0 to 1 as #rrggbb."""
    return "#" + "".join(f"{round(each * 255):02x}" for each in (red, green, blue))


@lru_cache(maxsize=4096)
def nearest(colour: str) -> int:
    """The number of the colour in the palette that is most like another."""
    red, green, blue = rgb(colour)

    def distance(number: int) -> int:
        other = rgb(COLOURS[number])
        return 2 * (red - other[0]) ** 2 + 4 * (green - other[1]) ** 2 + 3 * (blue - other[2]) ** 2

    return min(range(len(COLOURS)), key=distance)


def ink_on(colour: str) -> str:
    """Black or white, whichever is better to read there."""
    return max((BLACK, WHITE), key=lambda each: contrast(each, colour))


def hue(number: int, light: float) -> str:
    """The colour of a nick's class, before it is made readable."""
    return as_hex(*colorsys.hls_to_rgb(number / HUES, light, 0.55))


def sheet() -> str:
    """static/colours.css: f-NN on the page, b-NN behind text, o-NN on a b-NN with which it goes, n-NN of nicks."""
    rules = ["/* Made by chanops.core.palette.sheet(). */", *texts(LIGHT, 0.4)]
    for number, colour in enumerate(COLOURS):
        rules.append(f".b-{number:02} {{ color: {ink_on(colour)}; background: {colour} }}")
        rules.append(f".o-{number:02} {{ color: {colour} }}")
    dark = [f"  {rule}" for rule in texts(DARK, 0.72)]
    return "\n".join([*rules, "@media screen and (prefers-color-scheme: dark) {", *dark, "}", ""])


def texts(grounds: tuple[str, ...], light: float) -> list[str]:
    """The rules of text on these grounds."""
    named = {f"f-{number:02}": colour for number, colour in enumerate(COLOURS)}
    named |= {f"n-{number:02}": hue(number, light) for number in range(HUES)}
    return [f".{name} {{ color: {on_pages(colour, grounds)} }}" for name, colour in named.items()]
