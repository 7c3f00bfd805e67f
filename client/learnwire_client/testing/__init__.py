"""A server in the process that answers what a test says, for the tests of other services.

Usage:
    from learnwire_client import SingleLabel
    from learnwire_client.testing import FakeServer

    def test_a_good_film_is_recommended():
        praise = SingleLabel.of("positive", {"negative": 0.1, "positive": 0.9})
        with FakeServer({"imdb": praise}) as server:
            assert recommends(server.target, "What a film!")
        assert server.asked == [("imdb", "What a film!")]
"""

from .script import Said
from .server import FakeServer

__all__ = ["FakeServer", "Said"]
