"""The `portal` command: arguments, logging, exit codes (0 done, 1 a fault, 2 wrong usage)."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from portal import __version__
from portal.cameras_cli import cameras
from portal.config import config_path, load_config, load_config_or_default, state_dir
from portal.errors import PortalError

# What only one command needs is imported in it: the daemon must not carry the doctor's libraries.


class Commands(click.Group):
    """Turns an expected fault into its one line and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PortalError as fault:
            click.echo(f"portal: {fault}", err=True)
            ctx.exit(fault.exit_code)
        except ExceptionGroup as group:
            faults, others = group.split(PortalError)
            if faults is None or others is not None:
                raise
            for leaf in _leaves(faults):
                click.echo(f"portal: {leaf}", err=True)
            ctx.exit(1)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for exc in group.exceptions:
        found.extend(_leaves(exc) if isinstance(exc, BaseExceptionGroup) else [exc])
    return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="portal")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=None,
    help="Configuration file.  [default: $PORTAL_CONFIG or /etc/portal/portal.toml]",
)
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.pass_context
def cli(ctx: click.Context, path: Path | None, *, verbose: bool) -> None:
    """A window onto the other site: camera in, picture out, always on."""
    ctx.obj = path
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(message)s"
        if sys.stderr.isatty()
        else "%(levelname)s %(message)s",
        stream=sys.stderr,
    )


@cli.command()
@click.pass_obj
def run(path: Path | None) -> None:
    """Run this box: what the service does."""
    from portal.daemon import run_daemon

    asyncio.run(run_daemon(load_config_or_default(path), state_dir=state_dir()))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when both are live.")
@click.option("--seconds", type=click.FloatRange(min=0), help="End by itself after so long.")
@click.option(
    "--config-a", type=click.Path(path_type=Path), help="Configuration of the first site."
)
@click.option("--config-b", type=click.Path(path_type=Path), help="Configuration of the second.")
def demo(
    *, as_json: bool, seconds: float | None, config_a: Path | None, config_b: Path | None
) -> None:
    """Run two complete sites on this machine, each showing the other."""
    from portal.demo.show import Demo

    show = Demo(config_a=config_a, config_b=config_b, seconds=seconds, as_json=as_json)
    asyncio.run(show.run())


cli.add_command(cameras)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Check each link of the chain and say what to do."""
    from portal.doctor import Status, format_findings, run_checks

    findings = asyncio.run(run_checks(load_config_or_default(ctx.obj), state_dir=state_dir()))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        click.echo(format_findings(findings))
    ctx.exit(1 if any(finding.status is Status.FAIL for finding in findings) else 0)


@cli.command()
@click.option("--windowed", is_flag=True, help="A window on this desk, without a compositor.")
@click.option("--url", default="", help="Show another page than this box's own.")
@click.option(
    "--config", "named", type=click.Path(path_type=Path), help="Configuration file, as above."
)
@click.pass_obj
def kiosk(path: Path | None, *, windowed: bool, url: str, named: Path | None) -> None:
    """Put the page on the screen and keep it there."""
    from portal.kiosk.show import run_kiosk

    asyncio.run(run_kiosk(load_config_or_default(named or path), windowed=windowed, url=url))


@cli.group()
def config() -> None:
    """The configuration file."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what is in force, as JSON.")
@click.pass_obj
def check(path: Path | None, file: Path | None, *, as_json: bool) -> None:
    """Check a configuration file; the first mistake is named."""
    chosen = file or path or config_path()
    checked = load_config(chosen)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(checked), indent=2).decode())
    else:
        click.echo(f"{chosen} is good: site {checked.site.name!r}, title {checked.title!r}.")


@cli.group(name="media-server")
def media_server() -> None:
    """The MediaMTX that this box uses."""


@media_server.command()
@click.pass_obj
def install(path: Path | None) -> None:
    """Find a MediaMTX that is good, or install one; say which and why."""
    from portal.mediamtx.install import install as install_media_server

    found = install_media_server(
        load_config_or_default(path).media_server.binary, lambda line: click.echo(line, err=True)
    )
    click.echo(f"MediaMTX {found.version} at {found.path} ({found.why})")


@media_server.command(name="run")
@click.pass_obj
def run_media_server(path: Path | None) -> None:
    """Become MediaMTX with this box's settings: for a service unit of its own."""
    from portal.mediamtx.server import exec_media_server

    exec_media_server(load_config_or_default(path), state_dir())


def main() -> None:
    cli(prog_name="portal")
