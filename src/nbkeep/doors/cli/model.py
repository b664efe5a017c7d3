"""`nbkeep model`: APIs of models, what they cost, and what was used of them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nbkeep.model.errors import invalid
from nbkeep.model.money import money_words, price_words

from . import panels, words
from .connect import office, part
from .options import Json, Limit, Yes, complete_provider, complete_session, complete_user, given
from .output import Column, confirm, print_json, print_note, print_table

_HELP = """APIs of models: their calls are metered, priced, and kept within budgets.

What is asked of a model, and what it answers, is kept nowhere.
"""
model = typer.Typer(help=_HELP, no_args_is_help=True)
provider = typer.Typer(help="The APIs of models whose calls are metered.", no_args_is_help=True)
price = typer.Typer(help="What a million tokens cost.", no_args_is_help=True)
budget = typer.Typer(help="What models may cost in a month.", no_args_is_help=True)

ProviderName = Annotated[
    str, typer.Argument(metavar="PROVIDER", autocompletion=complete_provider, help="A provider's name.")
]
User = Annotated[
    str | None, typer.Option("--user", metavar="USER", autocompletion=complete_user, help="One person's.")
]
Everyone = Annotated[bool, typer.Option("--everyone", help="Each person's who has none of their own.")]
Total = Annotated[bool, typer.Option("--total", help="All people's together.")]


def register(app: typer.Typer) -> None:
    """Add `nbkeep model`."""
    model.add_typer(provider, name="provider")
    model.add_typer(price, name="price")
    model.add_typer(budget, name="budget")
    app.add_typer(model, name="model", rich_help_panel=panels.RECORD)


@provider.command("add")
def add_provider(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call it.")],
    host: Annotated[
        str,
        typer.Option("--host", metavar="HOST[:PORT][/PREFIX]", help="Where it is; 443 if no port is given."),
    ],
    kind: Annotated[str, typer.Option("--kind", help="Whose API it speaks: openai or anthropic.")],
    as_json: Json = False,
) -> None:
    """Meter requests to a host, also those of sessions that run. It opens no host: profiles do.

    Example: nbkeep model provider add openai --host api.openai.com --kind openai
    """
    with office() as api:
        found = api.post("model-providers", {"name": name, "host": host, "kind": kind})
    if as_json:
        print_json(found)
        return
    print_note(f"Requests to {_place(found)} are metered. Set prices: `nbkeep model price set {name} MODEL`.")


@provider.command("list")
def list_providers(as_json: Json = False) -> None:
    """List the APIs of models whose calls are metered."""
    with office() as api:
        found = list(api.items("model-providers"))
    if as_json:
        print_json(found)
        return
    columns = [Column("name", keep=True), Column("kind"), Column("at"), Column("since")]
    rows = [(one["name"], one["kind"], _place(one), words.moment(one["added_at"])) for one in found]
    print_table(
        columns, rows, "No providers. Add one: `nbkeep model provider add NAME --host HOST --kind KIND`."
    )


@provider.command("remove")
def remove_provider(name: ProviderName, yes: Yes = False) -> None:
    """Meter requests to a host no more; what was used stays on record."""
    confirm(f"Remove {name}? Its calls are neither metered nor kept within budgets then.", yes=yes)
    with office() as api:
        api.delete(f"model-providers/{part(name)}")
    print_note(f"Requests to {name} are metered no more.")


@price.command("set")
def set_price(
    name: ProviderName,
    model_name: Annotated[
        str, typer.Argument(metavar="MODEL", help="As the provider calls it; gpt-x* is all that begins so.")
    ],
    for_input: Annotated[str, typer.Option("--input", metavar="AMOUNT", help="For a million tokens asked.")],
    output: Annotated[
        str | None, typer.Option("--output", metavar="AMOUNT", help="For a million tokens answered.")
    ] = None,
    cached: Annotated[
        str | None,
        typer.Option(
            "--cached", metavar="AMOUNT", help="For input from a cache; like other input if not said."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Set what a million tokens cost from now on, in the platform's currency; calls before keep their price.

    Example: nbkeep model price set openai gpt-x --input 2.50 --output 10 --cached 0.25
    """
    wanted = given(provider=name, model=model_name, input=for_input, output=output, cached=cached)
    with office() as api:
        found = api.post("model-prices", wanted)
    if as_json:
        print_json(found)
        return
    print_note(
        f"A million tokens of {found['model']} cost {_amounts(found)} {found['currency']} from now on."
    )


@price.command("list")
def list_prices(
    history: Annotated[bool, typer.Option("--history", help="With earlier prices.")] = False,
    as_json: Json = False,
) -> None:
    """List prices for a million tokens."""
    with office() as api:
        found = list(api.items("model-prices", history=history))
    if as_json:
        print_json(found)
        return
    columns = [Column("provider"), Column("model", keep=True), Column("input", right=True),
               Column("output", right=True), Column("cached", right=True), Column("currency"),
               Column("from (UTC)")]  # fmt: skip
    rows = [
        (one["provider"], one["model"], *(price_words(one[f"{kind}_microcents"]) for kind in _KINDS),
         one["currency"], words.moment(one["valid_from"]))
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No prices. Without them calls are counted, and cost nothing.")


@budget.command("set")
def set_budget(
    month: Annotated[str, typer.Option("--month", metavar="AMOUNT", help="For each month (UTC).")],
    user: User = None,
    everyone: Everyone = False,
    total: Total = False,
    as_json: Json = False,
) -> None:
    """Set what models may cost in a month. People are warned at 80 %, and refused at 100 %.

    Example: nbkeep model budget set --user jane --month 50
    """
    with office() as api:
        found = api.post(
            "model-budgets", {"scope": _scope(user, everyone=everyone, total=total), "month": month}
        )
    if as_json:
        print_json(found)
        return
    print_note(f"The budget of {_whose(found['scope'])} is {found['limit']} in each month.")
    if found["words"]:
        print_note(f"Used in {found['month']}: {found['spent']}.")


@budget.command("list")
def list_budgets(as_json: Json = False) -> None:
    """List budgets, and how much this month used of them."""
    with office() as api:
        found = list(api.items("model-budgets"))
    if as_json:
        print_json(found)
        return
    columns = [Column("of", keep=True), Column("month", right=True), Column("used", right=True),
               Column("part", right=True), Column("set by")]  # fmt: skip
    rows = [
        (_whose(one["scope"]), one["limit"], one["spent"] or "-",
         "-" if one["percent"] is None else f"{one['percent']} %", one["set_by"])
        for one in found
    ]  # fmt: skip
    print_table(columns, rows, "No budgets. Set one: `nbkeep model budget set --everyone --month AMOUNT`.")


@budget.command("remove")
def remove_budget(user: User = None, everyone: Everyone = False, total: Total = False) -> None:
    """Take a budget away; what is said for everyone counts for its person then.

    Example: nbkeep model budget remove --user jane
    """
    scope = _scope(user, everyone=everyone, total=total)
    with office() as api:
        api.delete(f"model-budgets/{part(scope)}")
    print_note(f"The budget of {_whose(scope)} is taken away.")


@model.command()
def usage(
    user: Annotated[
        str | None, typer.Option("--user", autocompletion=complete_user, help="Only of this person.")
    ] = None,
    only_model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Only of this model; gpt-x* of all such.")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session", metavar="ID", autocompletion=complete_session, help="Only of this session."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From that day on, e.g. 2026-11-01 or 7d (ago)."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="Some of day, user, session, provider and model, apart by commas.")
    ] = "day,user,provider,model",
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Show what was used of models: by you, or by everybody for admins and auditors.

    Example: nbkeep model usage --since 30d --by user,model
    """
    wanted = {"user": user, "model": only_model, "session": session, "since": words.past(since)}
    with office() as api:
        found = api.get("model-usage", by=by, limit=limit, **wanted)
    if as_json:
        print_json(found)
        return
    groups = by.split(",")
    columns = [*(Column(one, keep=one in {"session", "model"}) for one in groups), *_SUMS]
    rows = [
        (*((one[group] or "(not told)") for group in groups), *_sums(one, found["currency"]))
        for one in found["items"]
    ]
    if len(rows) > 1:
        rows.append(("all", *[""] * (len(groups) - 1), *_sums(found["total"], found["currency"])))
    print_table(columns, rows, "No calls of models in this time.")
    if len(found["items"]) == limit:
        print_note(f"The first {limit}; --limit shows more.")
    for one in found["budgets"]:
        print_note(one["words"])


_KINDS = ("input", "output", "cached")
_SUMS = [Column("calls", right=True), Column("in", right=True), Column("out", right=True),
         Column("cached", right=True), Column("cost", right=True), Column("of these")]  # fmt: skip


def _sums(one: dict[str, Any], currency: str) -> tuple[object, ...]:
    notes = ("estimated", "unknown", "unmetered", "failed", "refused", "unpriced")
    return (
        one["calls"],
        *(f"{one[name]:,}" for name in ("tokens_in", "tokens_out", "tokens_cached")),
        money_words(one["cost_microcents"], currency),
        ", ".join(f"{one[name]} {name}" for name in notes if one[name]),
    )


def _amounts(one: dict[str, Any]) -> str:
    told = zip(("in", "out", "cached"), _KINDS, strict=True)
    return ", ".join(f"{price_words(one[f'{kind}_microcents'])} {name}" for name, kind in told)


def _place(one: dict[str, Any]) -> str:
    return f"{one['host']}:{one['port']}{one['prefix']}"


def _scope(user: str | None, *, everyone: bool, total: bool) -> str:
    if (user is not None) + everyone + total != 1:
        raise invalid("scope", "Whose budget?", "Give one of --user NAME, --everyone and --total.")
    return f"user:{user}" if user is not None else "everyone" if everyone else "total"


def _whose(scope: str) -> str:
    names = {"everyone": "each person", "total": "all together"}
    return names.get(scope, scope.removeprefix("user:"))
