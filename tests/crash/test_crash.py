"""The bot is killed at random instants of `up` and `down` against a cloud that fails: nothing is lost or done twice."""

import pytest

from tests.crash.__main__ import killed, summary, trials
from tests.crash.trial import GRACE

SEED = 20_000


def show(results):
    """Print the figures, and the first trial that went wrong."""
    print(summary(results, sum(each.seconds for each in results)))
    for each in [each for each in results if each.violations][:1]:
        print(each.story)
    return results


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_done_twice_in_60_kills():
    results = show(trials(SEED, lambda found: killed(found) >= 60, {}))
    assert [each.seed for each in results if each.violations] == []
    assert killed(results) >= 60
    claimed = sorted(at for each in results for at in each.claimed)
    assert claimed[len(claimed) // 2] < 1.0
    outcomes = [outcome for each in results for outcome in each.outcomes]
    assert outcomes.count("down done") > 5
    assert outcomes.count("up done") > 5


def test_a_naive_worker_fails_the_same_judge():
    def enough(results):
        return len(results) >= 40 or sum(bool(each.violations) for each in results) >= 3

    results = trials(SEED, enough, {"naive": True, "most_kills": 3})
    texts = " ".join(text for each in results for text in each.violations)
    assert "without a snapshot" in texts
    assert sum(bool(each.violations) for each in results) >= 3


def test_looking_for_a_shorter_time_than_lists_lag_is_seen():
    """Then a machine is made twice: it is found by the judge, or the bot says it."""
    results = trials(
        SEED,
        lambda found: any(seen(each) for each in found) or len(found) > 60,
        {"grace": 0.02, "lag": 20 * GRACE, "most_kills": 3},
    )
    assert any(seen(each) for each in results)


def seen(result):
    return result.said_extra or any("times" in text or "snapshots taken" in text for text in result.violations)
