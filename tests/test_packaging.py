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


def run(*command, cwd, check=True, **environment):
    env = {**os.environ, **environment}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT, check=False)
    if listed.returncode == 0:
        for name in filter(None, listed.stdout.splitlines()):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, source / name)
    else:
        shutil.copytree(
            ROOT, source, ignore=shutil.ignore_patterns(".venv", "build", "dist", "*.egg-info", "__pycache__")
        )
    run(sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(source), cwd=folder)
    [sdist], [wheel] = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return sdist, wheel


def test_the_wheel_holds_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = set(wheel.namelist())
    assert {name.split("/")[0] for name in names} == {"chanops", f"chanops-{VERSION}.dist-info"}
    package = ROOT / "modules" / "chanops"
    kinds = ("*.py", "*.html", "*.css", "*.mako", "py.typed")
    wanted = {f"chanops/{path.relative_to(package)}" for kind in kinds for path in package.rglob(kind)}
    assert wanted <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_sdist_holds_all_that_the_project_is(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for wanted in (
        "bot.py", "config.example.ini", "setup.cfg", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md",
        "CONTRIBUTING.md", "LICENSE", "docs/plugins.md", "tests/test_packaging.py", "tests/ircd/ngircd.conf",
        "benchmarks/__main__.py", ".ci/run", "modules/chanops/app.py", "modules/chanops/web/static/style.css",
    ):  # fmt: skip
        assert wanted in names, wanted


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A fresh virtualenv with nothing but the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    done = run(str(binaries / "pip"), "install", "--quiet", str(built[1]), cwd=folder, check=False)
    if done.returncode != 0:
        reason = f"the wheel's dependencies cannot be installed: {done.stderr.strip()[-300:]}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return binaries


@pytest.mark.timeout(WITHIN)
def test_the_installed_wheel_runs(installed, tmp_path):
    chanops = str(installed / "chanops")
    assert run(chanops, "--version", cwd=tmp_path).stdout == f"chanops {VERSION}\n"
    example = run(chanops, "example-config", cwd=tmp_path).stdout
    assert example == (ROOT / "config.example.ini").read_text()
    path = tmp_path / "config.ini"
    path.touch(mode=0o600)
    path.write_text(example)
    assert "good; 1 networks" in run(chanops, "check", cwd=tmp_path).stdout
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
