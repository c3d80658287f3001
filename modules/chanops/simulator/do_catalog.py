"""What the simulated DigitalOcean sells: regions, sizes with prices, public images."""

from chanops.simulator.do_records import Image, Json

_HOURS = 672
_FEATURES = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]
_PLACES = {
    "ams3": "Amsterdam 3",
    "blr1": "Bangalore 1",
    "fra1": "Frankfurt 1",
    "lon1": "London 1",
    "nyc1": "New York 1",
    "nyc3": "New York 3",
    "sfo1": "San Francisco 1",
    "sfo3": "San Francisco 3",
    "sgp1": "Singapore 1",
    "syd1": "Sydney 1",
    "tor1": "Toronto 1",
}
_CLOSED = {"sfo1"}
OPEN = tuple(slug for slug in _PLACES if slug not in _CLOSED)
PLACE_NUMBERS = {slug: number for number, slug in enumerate(_PLACES, 1)}

# slug, memory in MB, vcpus, disk in GB, transfer in TB, dollars a month, description, regions without it
_SIZES: tuple[tuple[str, int, int, int, float, float, str, set[str]], ...] = (
    ("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4, "Basic", {"blr1", "syd1", "tor1"}),
    ("s-1vcpu-1gb", 1024, 1, 25, 1, 6, "Basic", set()),
    ("s-1vcpu-1gb-amd", 1024, 1, 25, 1, 7, "Basic AMD", {"nyc1"}),
    ("s-1vcpu-1gb-intel", 1024, 1, 25, 1, 7, "Basic Intel", {"nyc1"}),
    ("s-1vcpu-2gb", 2048, 1, 50, 2, 12, "Basic", set()),
    ("s-2vcpu-2gb", 2048, 2, 60, 3, 18, "Basic", set()),
    ("s-2vcpu-4gb", 4096, 2, 80, 4, 24, "Basic", set()),
    ("s-4vcpu-8gb", 8192, 4, 160, 5, 48, "Basic", set()),
    ("s-8vcpu-16gb", 16384, 8, 320, 6, 96, "Basic", set()),
    ("c-2", 4096, 2, 25, 4, 42, "CPU-Optimized", {"syd1"}),
    ("c-4", 8192, 4, 50, 5, 84, "CPU-Optimized", {"syd1"}),
    ("g-2vcpu-8gb", 8192, 2, 25, 4, 63, "General Purpose", {"blr1", "lon1"}),
    ("g-4vcpu-16gb", 16384, 4, 50, 5, 126, "General Purpose", {"blr1", "lon1"}),
    ("m-2vcpu-16gb", 16384, 2, 50, 4, 84, "Memory-Optimized", {"tor1", "syd1"}),
)

SIZES: dict[str, Json] = {
    slug: {
        "slug": slug,
        "memory": memory,
        "vcpus": vcpus,
        "disk": disk,
        "transfer": transfer,
        "price_monthly": month,
        "price_hourly": round(month / _HOURS, 5),
        "regions": [place for place in OPEN if place not in without],
        "available": True,
        "description": description,
        "disk_info": [{"type": "local", "size": {"amount": disk, "unit": "gib"}}],
    }
    for slug, memory, vcpus, disk, transfer, month, description, without in _SIZES
}

REGIONS: dict[str, Json] = {
    slug: {
        "name": name,
        "slug": slug,
        "features": _FEATURES,
        "available": slug in OPEN,
        "sizes": [size for size, row in SIZES.items() if slug in row["regions"]],
    }
    for slug, name in _PLACES.items()
}

# slug, name, distribution, smallest disk in GB, size in GB, application
_IMAGES: tuple[tuple[str, str, str, int, float, bool], ...] = (
    ("debian-12-x64", "12 x64", "Debian", 7, 1.97, False),
    ("debian-13-x64", "13 x64", "Debian", 7, 2.04, False),
    ("ubuntu-22-04-x64", "22.04 (LTS) x64", "Ubuntu", 7, 2.28, False),
    ("ubuntu-24-04-x64", "24.04 (LTS) x64", "Ubuntu", 8, 2.61, False),
    ("fedora-42-x64", "42 x64", "Fedora", 8, 1.52, False),
    ("rockylinux-9-x64", "9 x64", "Rocky Linux", 10, 1.86, False),
    ("docker-20-04", "Docker on Ubuntu 22.04", "Ubuntu", 25, 3.12, True),
    ("wordpress-20-04", "WordPress on Ubuntu 22.04", "Ubuntu", 25, 3.4, True),
)


def public_images(first: int) -> list[Image]:
    """The public images, numbered from `first`."""
    return [
        Image(
            number,
            name,
            distribution,
            slug,
            True,
            OPEN,
            "2026-02-03T10:11:12Z",
            "base" if not application else "snapshot",
            disk,
            size,
            description=f"{distribution} {name}",
            application=application,
        )
        for number, (slug, name, distribution, disk, size, application) in enumerate(_IMAGES, first)
    ]
