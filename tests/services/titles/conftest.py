"""A web server that the tests of this folder hold still."""

import pytest

from tests.services.titles.held_site import Site


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()
