"""Domains and their records over the simulated API."""

from dataclasses import replace

from chanops.simulator.do_calls import Answer, Call, need, page
from chanops.simulator.do_records import Json, Record, unfit
from chanops.simulator.do_store import Store
from chanops.simulator.do_views import record_view

_TYPES = {"A", "AAAA", "CAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT"}
_REST = ("priority", "port", "weight", "flags", "tag")


def domains(store: Store, call: Call) -> Answer:
    return page(call, "domains", store.domains.values(call.as_of), _domain_view)


def domain(store: Store, call: Call) -> Answer:
    return Answer(200, {"domain": _domain_view(_domain(store, call))})


def _domain_view(name: str) -> Json:
    return {"name": name, "ttl": 1800, "zone_file": f"$ORIGIN {name}.\n$TTL 1800\n"}


def records(store: Store, call: Call) -> Answer:
    """GET /domains/{}/records, with type or name; the name may be whole, or relative to the domain."""
    origin = _domain(store, call)
    found = [each for each in store.records.values(call.as_of) if each.domain == origin]
    if kind := call.query.get("type"):
        found = [each for each in found if each.type == kind]
    if name := call.query.get("name"):
        found = [each for each in found if name in (each.name, _whole_name(each))]
    return page(call, "domain_records", found, record_view)


def _whole_name(record: Record) -> str:
    return record.domain if record.name == "@" else f"{record.name}.{record.domain}"


def new_record(store: Store, call: Call) -> Answer:
    origin, kind = _domain(store, call), call.text("type")
    if kind not in _TYPES:
        raise unfit(f"There is no record type {kind}.")
    record = Record(
        store.number("record"),
        origin,
        kind,
        call.text("name", "@"),
        call.text("data"),
        call.integer("ttl", 1800),
        {name: call.body.get(name) for name in _REST},
    )
    store.records.put(record.id, record, call.now)
    store.note(call.now, "record-create", None, _whole_name(record), id=record.id, type=kind, data=record.data)
    return Answer(201, {"domain_record": record_view(record)})


def record(store: Store, call: Call) -> Answer:
    return Answer(200, {"domain_record": record_view(_record(store, call))})


def change_record(store: Store, call: Call) -> Answer:
    """PUT and PATCH: what is not sent stays."""
    old = _record(store, call)
    rest = {name: call.body.get(name, old.rest.get(name)) for name in _REST}
    new = replace(
        old,
        type=call.text("type", old.type),
        name=call.text("name", old.name),
        data=call.text("data", old.data),
        ttl=call.integer("ttl", old.ttl) if call.body.get("ttl") is not None else old.ttl,
        rest=rest,
    )
    if new.type not in _TYPES:
        raise unfit(f"There is no record type {new.type}.")
    store.records.put(new.id, new, call.now)
    store.note(call.now, "record-change", None, _whole_name(new), id=new.id, type=new.type, data=new.data)
    return Answer(200, {"domain_record": record_view(new)})


def delete_record(store: Store, call: Call) -> Answer:
    old = _record(store, call)
    store.records.drop(old.id, call.now)
    store.note(call.now, "record-delete", None, _whole_name(old), id=old.id)
    return Answer(204)


def _domain(store: Store, call: Call) -> str:
    return need(store.domains.get(call.pieces[0]))


def _record(store: Store, call: Call) -> Record:
    found = need(store.records.get(call.id(1)))
    return need(found if found.domain == _domain(store, call) else None)
