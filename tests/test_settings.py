"""Settings: from the file and the environment, checked before anything starts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nbkeep.model.errors import Refused
from nbkeep.settings import Settings, default_data_dir

EMPTY: dict[str, str] = {}


def load(folder: Path, text: str = "", **environ: str) -> Settings:
    (folder / "config.toml").write_text(text)
    return Settings.load(folder, environ)


def test_without_a_file_the_defaults_hold(short_dir: Path) -> None:
    settings = Settings.load(short_dir, EMPTY)
    assert settings == Settings(data_dir=short_dir)
    assert settings.store_url == f"sqlite:///{short_dir}/nbkeep.db"
    assert settings.office_socket == short_dir / "run/office/office.sock"


def test_the_file_is_read_in_peoples_units_and_the_environment_wins(short_dir: Path) -> None:
    settings = load(
        short_dir,
        'public_url = "https://nb.acme.com/"\ncurrency = "USD"\ninvitation_valid_s = "2d"\n'
        'default_home_size_bytes = "20GiB"\ncpu_overcommit = 2\ngpus = { A100 = 2 }\n',
        NBKEEP_CURRENCY="CHF", NBKEEP_DEFAULT_MAX_SESSIONS="7", NBKEEP_UNKNOWN="is somebody else's",
    )  # fmt: skip
    assert settings.public_url == "https://nb.acme.com"
    assert (settings.currency, settings.default_max_sessions) == ("CHF", 7)
    assert (settings.invitation_valid_s, settings.default_home_size_bytes) == (2 * 86400, 20 << 30)
    assert (settings.cpu_overcommit, settings.gpus) == (2.0, {"a100": 2})
    assert load(short_dir, NBKEEP_GPUS="a100=2, t4=1").gpus == {"a100": 2, "t4": 1}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nonsense", "cannot be read"),
        ("colour = 'red'", "colour"),
        ("public_url = 'ftp://x'", "ftp://x"),
        ("public_url = 'https://x/path'", "x/path"),
        ("listen = '8000'", "8000"),
        ("listen = '127.0.0.1:99999'", "99999"),
        ("database_url = 'mysql://x'", "database URL"),
        ("cpu_overcommit = 0", "cpu_overcommit"),
        ("cpu_overcommit = 'much'", "much"),
        ("invitation_valid_s = 'soon'", "soon"),
        ("cell_grace_s = '1h'", "1 to 480"),
        ("frozen_s = -1", "not a duration"),
        ("state_key = '/etc/key'", "file:/etc/nbkeep"),
        ("state_key = 'file:key'", "file:/etc/nbkeep"),
        ("default_home_size_bytes = '10 potatoes'", "potatoes"),
        ("gpus = 'a100'", "a100"),
    ],
)
def test_what_cannot_work_is_refused_and_named(short_dir: Path, text: str, named: str) -> None:
    with pytest.raises(Refused, match=named) as refusal:
        load(short_dir, text)
    assert refusal.value.status == 400


def test_a_data_directory_too_long_for_sockets_is_refused() -> None:
    with pytest.raises(Refused, match="55"):
        Settings(data_dir=Path("/tmp/" + "x" * 60))


def test_a_missing_secret_says_what_to_do(short_dir: Path) -> None:
    with pytest.raises(Refused, match="nbkeep up"):
        Settings(data_dir=short_dir).secret("operator-token")


def test_the_environment_picks_the_data_directory() -> None:
    assert default_data_dir({"NBKEEP_DATA": "/srv/nb"}) == Path("/srv/nb")


def test_settings_do_not_change_while_running(short_dir: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(data_dir=short_dir).currency = "USD"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(("text", "seconds"), [("frozen_s = 0", 0), ("frozen_s = '20min'", 1200), ("", 900)])
def test_freezing_can_be_switched_off(short_dir: Path, text: str, seconds: int) -> None:
    assert load(short_dir, text).frozen_s == seconds
