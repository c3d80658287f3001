"""What is built is complete, and runs where nothing of the checkout is."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from chanops.version import VERSION

ROOT = Path(__file__).parent.parent
WITHIN = 300
MADE = shutil.ignore_patterns("*.egg-info", "__pycache__", "*.pyc", ".*_cache")
MADE_AT_THE_TOP = {".git", ".venv", "build", "dist", ".hypothesis", "data", "config.ini"}
NO_NETWORK = (
    "Failed to establish a new connection", "Temporary failure in name resolution", "Name or service not known",
    "Network is unreachable", "Connection refused", "(from versions: none)", "ProxyError",
    "ReadTimeoutError", "ConnectTimeoutError",
)  # fmt: skip


def run(*command, cwd, check=True, **environment):
    env = {**os.environ, **environment}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


def given_up(done, what):
    """Without a network there is nothing to test; but where the house is checked, there has to be one."""
    said = done.stdout + done.stderr
    if os.environ.get("CI") != "true" and any(each in said for each in NO_NETWORK):
        pytest.skip(f"{what}: there is no network to install from")
    pytest.fail(f"{what}: {said[-2000:]}")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the checkout, as it is now, without what is made from it."""
    folder = tmp_path_factory.mktemp("source") / "chanops"

    def left_out(place, names):
        return MADE(place, names) | (MADE_AT_THE_TOP if Path(place) == ROOT else set())

    shutil.copytree(ROOT, folder, ignore=left_out)
    return folder


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    """The sdist, and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("built")
    done = run(sys.executable, "-m", "build", "--outdir", str(folder), str(source), cwd=folder, check=False)
    if done.returncode != 0:
        given_up(done, "the package cannot be built")
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.timeout(WITHIN)
def test_the_wheel_holds_the_package_and_nothing_else(built, source):
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
    about = f"chanops-{VERSION}.dist-info"
    assert {name for name in names if not name.startswith(f"{about}/")} == {
        f"chanops/{name}" for name in files_in(source / "modules" / "chanops")
    }
    assert {f"chanops/{name}" for name in ("py.typed", "web/static/style.css", "web/templates/home.html")} <= names
    assert {f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")} <= names
    assert any(name.endswith("LICENSE") for name in names)


@pytest.mark.timeout(WITHIN)
def test_the_sdist_holds_all_that_the_project_is(built, source):
    with tarfile.open(built[0]) as sdist:
        names = {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}
    assert not {name for name in files_in(source) - names if not name.startswith(".")}
    assert {name for name in names - files_in(source) if "chanops.egg-info/" not in name} == {"PKG-INFO"}
    assert {
        "bot.py",
        "Makefile",
        "config.example.ini",
        "docs/plugins.md",
        ".ci/run",
        "tests/test_packaging.py",
    } <= names


@pytest.mark.timeout(WITHIN)
def test_what_is_built_says_what_it_needs(built):
    with zipfile.ZipFile(built[1]) as wheel:
        metadata = wheel.read(f"chanops-{VERSION}.dist-info/METADATA").decode()
        scripts = wheel.read(f"chanops-{VERSION}.dist-info/entry_points.txt").decode()
    assert f"\nVersion: {VERSION}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "\nRequires-Dist: irc<21,>=20.5\n" in metadata
    assert "chanops = chanops.cli:main" in scripts


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A fresh virtualenv with nothing but the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    done = run(str(binaries / "pip"), "install", "--quiet", str(built[1]), cwd=folder, check=False)
    if done.returncode != 0:
        given_up(done, "what the wheel depends on cannot be installed")
    return binaries


@pytest.mark.timeout(WITHIN)
def test_the_installed_wheel_runs(installed, tmp_path):
    chanops = str(installed / "chanops")
    assert run(chanops, "--version", cwd=tmp_path).stdout == f"chanops {VERSION}\n"
    example = run(chanops, "example-config", cwd=tmp_path).stdout
    assert example == (ROOT / "config.example.ini").read_text()
    without = run(chanops, "check", cwd=tmp_path, check=False, HOME=str(tmp_path))
    assert (without.returncode, "chanops example-config > config.ini" in without.stderr) == (2, True)
    path = tmp_path / "config.ini"
    path.touch(mode=0o600)
    path.write_text(example)
    assert "good; 1 networks" in run(chanops, "check", cwd=tmp_path).stdout
    assert ".help" in run(chanops, "say", ".help", cwd=tmp_path).stdout
    kept = run(chanops, "say", ".url https://example.org/ A read", cwd=tmp_path)
    assert kept.stdout == "kept: A read\n"
    assert "A read · https://example.org/" in run(chanops, "say", ".links", cwd=tmp_path).stdout
    assert run(str(installed / "python"), "-m", "chanops", "--version", cwd=tmp_path).stdout == f"chanops {VERSION}\n"


@pytest.mark.timeout(WITHIN)
def test_nothing_but_chanops_is_put_into_site_packages(installed):
    [site] = (installed.parent / "lib").glob("python*/site-packages")
    ours = {path.name for path in site.iterdir() if "chanops" in path.name}
    assert ours == {"chanops", f"chanops-{VERSION}.dist-info"}
    for name in ("modules", "tests", "benchmarks", "core", "plugins", "services"):
        assert not (site / name).exists()


@pytest.mark.timeout(WITHIN)
def test_the_demo_plays_from_the_installed_wheel(installed, tmp_path):
    assert (
        "Every answer was what it should be." in run(str(installed / "chanops"), "demo", "--play", cwd=tmp_path).stdout
    )


def test_bot_py_starts_from_a_checkout_and_says_what_is_missing(tmp_path):
    done = run(sys.executable, str(ROOT / "bot.py"), "--version", cwd=tmp_path)
    assert done.stdout == f"chanops {VERSION}\n"
    bare = run(sys.executable, "-S", "-E", str(ROOT / "bot.py"), cwd=tmp_path, check=False)
    assert bare.returncode == 2
    assert "run `pip install -e .`" in bare.stderr
