"""Quotas, providers of models with their prices, budgets, and prices of resources in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbkeep.inference import change, parse
from nbkeep.inference.budgets import list_budgets
from nbkeep.inference.usage import list_prices as model_prices
from nbkeep.inference.usage import list_providers
from nbkeep.meter import prices
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import invalid
from nbkeep.model.money import parse_microcents, price_words
from nbkeep.quotas.change import Subject, find_subject, read_limits, remove_quotas, set_quotas
from nbkeep.quotas.parse import key_text, limit_text, parse_limit
from nbkeep.quotas.values import EVERYONE, PROJECT, USER
from nbkeep.quotas.view import list_quotas

from .document import mapping
from .section import Entry, Section, WholeSection, Work, check_fields, listed, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbkeep.store.database import Tx

_HTTPS = 443
_PROVIDER_FIELDS = ("name", "kind", "host", "prices")
_PRICE_FIELDS = ("model", "input", "output", "cached")


class Quotas(WholeSection):
    """How much somebody may use; the name is for whom: `user:NAME`, `project:NAME` or `everyone` (each)."""

    name, kind, is_leaf = "quotas", "quota", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all quotas, those of one subject together."""
        found: dict[str, list[str]] = {}
        for one in list_quotas(work.tx, OPERATOR, work.settings.currency):
            name = one["subject"].removeprefix("project ")
            whose = EVERYONE if one["kind"] == EVERYONE else f"{one['kind']}:{name}"
            found.setdefault(whose, []).append(one["quota"])
        return [{"name": name, "limits": sorted(found[name])} for name in sorted(found)]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Set the limits that are wanted, and take the others away."""
        check_fields("quotas", wanted, ("name", "limits"))
        limits = read_limits(texts("quotas", wanted, "limits"))
        after = {"name": wanted["name"], "limits": sorted(map(limit_text, limits))}
        if after != before:
            subject = _subject(work.tx, wanted["name"])
            kept = {key_text(*one.key) for one in limits}
            held = [parse_limit(one) for one in (before or {}).get("limits", [])]
            if gone := [key_text(*one.key) for one in held if key_text(*one.key) not in kept]:
                remove_quotas(work.tx, work.clock, work.actor, subject, gone)
            set_quotas(work.tx, work.clock, work.actor, subject, after["limits"])
        return after

    def delete(self, work: Work, name: str) -> None:
        """Take all limits of somebody away."""
        remove_quotas(work.tx, work.clock, work.actor, _subject(work.tx, name), ())


class ModelProviders(WholeSection):
    """Providers and what their models cost. A price that the document lacks stays: calls were made at it."""

    name, kind, is_leaf = "model_providers", "model provider", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all providers."""
        found = model_prices(work.tx, OPERATOR, work.settings.currency)
        return [
            {
                "name": one["name"],
                "kind": one["kind"],
                "host": _place(one["host"], one["port"], one["prefix"]),
                "prices": [_price(price) for price in found if price["provider"] == one["name"]],
            }
            for one in list_providers(work.tx, OPERATOR)
        ]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Add one, and set the prices that are new."""
        after = _provider(wanted)
        if before is None:
            change.add_provider(work.tx, work.clock, work.actor, after["name"], after["host"], after["kind"])
        # One that was removed and comes again has the prices of before: what it lacks stays.
        held = {one["model"]: one for one in _prices_of(work.tx, after["name"], work.settings.currency)}
        for one in after["prices"]:
            if held.get(one["model"]) != one:
                amounts = (one["input"], one["output"], one["cached"])
                change.set_price(
                    work.tx, work.clock, work.actor, after["name"], one["model"], amounts,
                    work.settings.currency,
                )  # fmt: skip
                held[one["model"]] = one
        return after | {"prices": [held[model] for model in sorted(held)]}

    def delete(self, work: Work, name: str) -> None:
        """Meter its host no more; what was used stays on record."""
        change.remove_provider(work.tx, work.clock, work.actor, name)

    def is_another(self, wanted: Mapping[str, Any], before: Entry) -> bool:
        """Tell whether it is of another kind or at another place."""
        return {**_provider(wanted), "prices": []} != {**before, "prices": []}


class ModelBudgets(WholeSection):
    """What models may cost in a month; the name is for whom: `user:NAME`, `everyone` or `total`."""

    name, kind, is_leaf = "model_budgets", "model budget", True

    def entries(self, work: Work) -> list[Entry]:
        """Return all budgets."""
        found = [{"name": one.scope, "month": price_words(one.limit)} for one in list_budgets(work.tx)]
        return sorted(found, key=lambda one: one["name"])

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Set one that differs."""
        check_fields("model_budgets", wanted, ("name", "month"))
        month = price_words(parse.month_limit(text("model_budgets", wanted, "month")))
        after = {"name": parse.scope(wanted["name"]), "month": month}
        if after != before:
            change.set_budget(work.tx, work.clock, work.actor, after["name"], month, work.settings.currency)
        return after

    def delete(self, work: Work, name: str) -> None:
        """Take one away."""
        change.remove_budget(work.tx, work.clock, work.actor, name)


class Prices(Section):
    """What an hour of a resource costs, from when it is applied on. No price is ever taken back."""

    name, kind = "prices", "price"

    def entries(self, work: Work) -> list[Entry]:
        """Return the prices that hold now and were set: those of flavors alone stand there."""
        found = prices.list_prices(work.tx, work.clock, OPERATOR, work.settings.currency)
        return [
            {"name": one["resource"], "price": one["price"]}
            for one in found
            if one["set_by"] != prices.BY_FLAVOR
        ]

    def put(self, work: Work, wanted: Mapping[str, Any], before: Entry | None) -> Entry:
        """Set one that differs."""
        check_fields("prices", wanted, ("name", "price"))
        amount = parse_microcents(text("prices", wanted, "price"), "price", prices.MOST_PRICE)
        after = {"name": wanted["name"], "price": price_words(amount)}
        if after != before:
            prices.set_price(
                work.tx,
                work.clock,
                work.actor,
                after["name"],
                after["price"],
                None,
                work.settings.currency,
            )
        return after


def _subject(tx: Tx, name: str) -> Subject:
    """Return whose quota it is; raise `Refused`: 400 for who can have none, 404 for nobody."""
    kind, _, who = name.partition(":")
    if name == EVERYONE:
        return find_subject(tx, everyone=True)
    if f"{kind}:" == PROJECT:
        return find_subject(tx, project=who)
    if f"{kind}:" != USER:
        raise invalid("quotas", f"{name[:60]!r} is nobody who can have a quota.",
                      "Write user:NAME, project:NAME or everyone (each by themselves).")  # fmt: skip
    return find_subject(tx, user=who)


def _place(host: str, port: int, prefix: str) -> str:
    return f"{host}{'' if port == _HTTPS else f':{port}'}{prefix}"


def _price(view: Mapping[str, Any]) -> Entry:
    return {"model": view["model"]} | {
        key: price_words(view[f"{key}_microcents"]) for key in ("input", "output", "cached")
    }


def _prices_of(tx: Tx, provider: str, currency: str) -> list[Entry]:
    return [_price(one) for one in model_prices(tx, OPERATOR, currency) if one["provider"] == provider]


def _provider(wanted: Mapping[str, Any]) -> Entry:
    """Return what a document says of a provider, with what it leaves out; raise `Refused` (400)."""
    check_fields("model_providers", wanted, _PROVIDER_FIELDS)
    place, kind = text("model_providers", wanted, "host"), text("model_providers", wanted, "kind")
    one = parse.provider(wanted["name"], place, kind)
    found: list[Entry] = []
    for told in listed("model_providers", wanted, "prices"):
        entry = mapping("prices", told)
        check_fields("prices", entry, _PRICE_FIELDS)
        amounts = [text("prices", entry, key) if key in entry else None for key in _PRICE_FIELDS[1:]]
        price = parse.price(text("prices", entry, "model"), amounts)
        found.append(
            {
                "model": price.model,
                "input": price_words(price.input),
                "output": price_words(price.output),
                "cached": price_words(price.cached),
            }
        )
    found.sort(key=lambda price: price["model"])
    return {
        "name": one.name,
        "kind": one.kind,
        "host": _place(one.host, one.port, one.prefix),
        "prices": found,
    }
