"""What machines cost, as it is said."""

import pytest

from chanops.providers.base import Account, Image, Machine, Reserved, State
from chanops.services.machines.costs import Bill, bills

BILL = Bill("do", (), (), 0.06, (), Account("a", 10), True)


def machine(name, state=State.RUNNING, price=0.5):
    return Machine("do", name, name, state, price=price)


def bill(**changed):
    return Bill(**{**vars(BILL), **changed})


def lines(**changed):
    return list(bill(**changed).lines())


def test_nothing_costs_nothing():
    assert lines() == [
        "do: 0 machines, 0 running · $0/h, $0.00/month",
        "do: 0 snapshots, 0.0 GB · $0.00/month",
    ]


def test_machines_that_run_and_snapshots_are_added_up():
    [first, second] = lines(
        machines=(machine("web"), machine("db", price=0.25)),
        snapshots=(Image("1", "a", size=2.5), Image("2", "b", size=2.5)),
        account=Account("a", 10, "12.34"),
    )
    assert first == "do: 2 machines, 2 running · $0.75/h, $504.00/month · this month so far $12.34"
    assert second == "do: 2 snapshots, 5.0 GB · $0.30/month"
    assert lines(machines=(machine("web"),))[0].startswith("do: 1 machine, 1 running")


def test_what_is_off_and_paid_for_is_named():
    off = tuple(machine(f"m{number}", State.OFF) for number in range(10))
    assert bill(machines=off).hourly == 5.0
    [_, _, idle] = lines(machines=off)
    assert idle == "do: off and paid for: m0, m1, m2, m3, m4, m5, m6, m7 … · $5/h; .down snapshots and destroys them"


def test_what_is_off_costs_nothing_where_a_cloud_does_not_charge_for_it():
    free = bill(machines=(machine("web", State.OFF),), charges_off=False)
    assert (free.hourly, free.idle, len(list(free.lines()))) == (0, [], 2)


def test_reserved_addresses_that_point_at_nothing_are_named():
    [_, _, loose] = lines(reserved=(Reserved("192.0.2.1", ""), Reserved("192.0.2.2", "481")))
    assert loose == "do: reserved addresses that point at nothing, and cost: 192.0.2.1"


@pytest.mark.parametrize("price", ["0.06", "0.5"])
def test_the_bill_of_a_cloud_is_what_is_there(house, cloud, price):
    web = cloud.world.add_droplet("web", size="s-2vcpu-4gb")
    cloud.world.add_droplet("db", status="off")
    cloud.world.add_snapshot("web-1", web, size_gb=10)
    cloud.world.add_reserved_ip()
    [found], troubles = bills(house(snapshot_price=price).clouds)
    assert (len(found.machines), [each.name for each in found.idle], troubles) == (2, ["db"], [])
    assert found.hourly == pytest.approx((24 + 6) / 672, abs=1e-4)
    assert found.snapshots_monthly == pytest.approx(10 * float(price))
    assert len(list(found.lines())) == 4


def test_an_account_that_cannot_be_asked_is_told_of(house):
    found, [trouble] = bills(house(token="wrong").clouds)
    assert found == []
    assert trouble.startswith("do refuses the token ([provider:do] token)")
