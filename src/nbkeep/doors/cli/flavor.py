"""`nbkeep flavor`: amounts of compute and their price."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import panels, words
from .connect import office, part
from .options import FlavorName, Json, Yes, given, require_some
from .output import Column, confirm, print_fields, print_json, print_note, print_table

Cpu = Annotated[float | None, typer.Option("--cpu", min=0.1, help="CPUs, e.g. 2 or 0.5.")]
Memory = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory, e.g. 8GiB.")]
GpuType = Annotated[str | None, typer.Option("--gpu-type", help="Kind of GPU, e.g. a100.")]
GpuCount = Annotated[int | None, typer.Option("--gpu-count", min=0, help="Number of GPUs.")]
Approval = Annotated[
    bool | None,
    typer.Option(
        "--needs-approval/--no-approval", help="Whether one must ask before a session of it starts."
    ),
]
Price = Annotated[str | None, typer.Option("--price-per-hour", help="Price of an hour, e.g. 0.10.")]

flavor = typer.Typer(
    help="Amounts of compute and their price, which profiles stand on.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add `nbkeep flavor`."""
    app.add_typer(flavor, name="flavor", rich_help_panel=panels.COMPUTE)


@flavor.command()
def create(
    name: Annotated[str, typer.Argument(metavar="FLAVOR", help="Its name.")],
    cpu: Annotated[float, typer.Option("--cpu", min=0.1, help="CPUs, e.g. 2 or 0.5.")],
    memory: Annotated[str, typer.Option("--memory", metavar="SIZE", help="Memory, e.g. 8GiB.")],
    gpu_type: GpuType = None,
    gpu_count: GpuCount = None,
    price_per_hour: Price = None,
    needs_approval: Approval = None,
    as_json: Json = False,
) -> None:
    """Create a flavor.

    Example: nbkeep flavor create cpu-medium --cpu 2 --memory 16GiB --price-per-hour 0.15
    """
    body = given(
        name=name,
        cpu=cpu,
        memory=memory,
        gpu_type=gpu_type,
        gpu_count=gpu_count,
        price_per_hour=price_per_hour,
        needs_approval=needs_approval,
    )
    with office() as api:
        _print(api.post("flavors", body), as_json=as_json)


@flavor.command("set")
def set_flavor(
    name: FlavorName,
    cpu: Cpu = None,
    memory: Memory = None,
    gpu_type: GpuType = None,
    gpu_count: GpuCount = None,
    price_per_hour: Price = None,
    needs_approval: Approval = None,
    as_json: Json = False,
) -> None:
    """Change a flavor; running sessions keep what they started with.

    Example: nbkeep flavor set notebook-cpu-small --price-per-hour 0.12

    Example: nbkeep flavor set notebook-gpu-a100 --needs-approval
    """
    fields = given(
        cpu=cpu,
        memory=memory,
        gpu_type=gpu_type,
        gpu_count=gpu_count,
        price_per_hour=price_per_hour,
        needs_approval=needs_approval,
    )
    require_some(
        fields, "--cpu, --memory, --gpu-type, --gpu-count, --price-per-hour or --needs-approval/--no-approval"
    )
    with office() as api:
        _print(api.patch(f"flavors/{part(name)}", fields), as_json=as_json)


@flavor.command()
def show(name: FlavorName, as_json: Json = False) -> None:
    """Show one flavor."""
    with office() as api:
        _print(api.get(f"flavors/{part(name)}"), as_json=as_json)


@flavor.command("list")
def list_flavors(as_json: Json = False) -> None:
    """List flavors."""
    with office() as api:
        found = list(api.items("flavors"))
    if as_json:
        print_json(found)
        return
    columns = [
        Column("name", keep=True),
        Column("cpu", right=True),
        Column("memory", right=True),
        Column("gpu"),
        Column("per hour", right=True),
        Column("approval"),
    ]
    rows = [
        (
            f["name"],
            words.cpus(f["cpu_millis"]),
            words.size(f["memory_bytes"]),
            words.gpus(f),
            words.price(f["price_per_hour_micros"]),
            "needed" if f["needs_approval"] else "",
        )
        for f in found
    ]
    print_table(columns, rows, "No flavors. Make one: `nbkeep flavor create NAME --cpu 2 --memory 8GiB`.")


@flavor.command()
def delete(name: FlavorName, yes: Yes = False) -> None:
    """Delete a flavor that no profile uses."""
    confirm(f"Delete the flavor {name}?", yes=yes)
    with office() as api:
        api.delete(f"flavors/{part(name)}")
    print_note(f"The flavor {name} is deleted.")


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_fields(
        [
            ("name", found["name"]),
            ("cpu", words.cpus(found["cpu_millis"])),
            ("memory", words.size(found["memory_bytes"])),
            ("gpu", words.gpus(found)),
            ("price per hour", words.price(found["price_per_hour_micros"])),
            ("approval", "needed before a session of it starts" if found["needs_approval"] else "not needed"),
        ]
    )
