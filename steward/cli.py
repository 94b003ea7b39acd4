"""The command line: parsing only; what the commands do lives in `steward.app`.

Exit codes: 0 good, 1 failed while running, 2 the facility file or the call is wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from steward.errors import ConfigError, StewardError

cli = typer.Typer(
    name="steward",
    help="Steward watches buildings and official vehicles.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FacilityPath = Annotated[Path, typer.Argument(help="facility file (TOML) or folder of them")]
Host = Annotated[str, typer.Option(help="address to listen on; default: [api] host of the facility file")]
Port = Annotated[int, typer.Option(help="port to listen on; default: [api] port of the facility file")]
Public = Annotated[bool, typer.Option("--public", help="allow an address that others can reach: there are no passwords yet")]
Json = Annotated[bool, typer.Option("--json", help="logs as JSON, one event a line")]
Level = Annotated[str, typer.Option(help="log level: debug, info, warning, error")]
Data = Annotated[Path, typer.Option(help="folder for the data")]


def _ns(text: str, option: str) -> int:
    """A duration given on the command line, ns."""
    from steward.units import duration

    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


@cli.command()
def check(facility: FacilityPath) -> None:
    """Says every problem of a facility file at once; opens no connection. Exit code 2 when there are any."""
    from steward.app.checking import check as run

    sys.stdout.write(run(facility) + "\n")


@cli.command()
def run(
    facility: FacilityPath,
    host: Host = "",
    port: Port = -1,
    public: Public = False,
    json: Json = False,
    log_level: Level = "info",
) -> None:
    """Runs the service for a facility until it is stopped; SIGHUP reloads the facility file."""
    from steward.app.serve import serve

    serve(facility, host=host, port=port, public=public, json=json, level=log_level)


@cli.command()
def demo(
    data: Data = Path("data/demo"),
    port: Annotated[int, typer.Option(help="port of the page")] = 8080,
    host: Annotated[str, typer.Option(help="address of the page")] = "127.0.0.1",
    public: Public = False,
    past: Annotated[str, typer.Option(help="how much past to simulate first")] = "24h",
    speed: Annotated[float, typer.Option(help="simulated seconds per second, live")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same campus")] = 7,
    json: Json = False,
    log_level: Level = "warning",
) -> None:
    """Runs everything at once: embedded broker and store, a simulated campus with faults, rules, API and page."""
    from steward.app.tools.demo import demo as start

    start(data, host=host, port=port, public=public, past=past, speed=speed, seed=seed, json_logs=json, level=log_level)


@cli.command()
def discover(
    broker: Annotated[str, typer.Argument(help="address of the broker, e.g. mqtt://127.0.0.1:1883")],
    listen_for: Annotated[str, typer.Option("--for", help="how long to listen")] = "1m",
    topic: Annotated[list[str] | None, typer.Option(help="topic filter; may be given several times")] = None,
    site: Annotated[str, typer.Option(help="name of the site")] = "Site",
    username: Annotated[str, typer.Option(help="user name at the broker")] = "",
    password_env: Annotated[str, typer.Option(help="environment variable that holds the password")] = "",
) -> None:
    """Listens to a broker, recognises formats and devices, and writes a facility file to standard output."""
    from steward.app.tools.commands import discover as listen

    text, remarks = listen(broker, _ns(listen_for, "--for") / 1e9, topic or ["#"], site, username, password_env)
    sys.stdout.write(text)
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")


@cli.command()
def doctor(
    facility: FacilityPath,
    listen_for: Annotated[str, typer.Option("--for", help="how long to listen to each broker")] = "5s",
) -> None:
    """Tries what `check` only reads: secrets, folders, store, records, brokers, subscriptions, clocks. Exit code 1 if wrong."""
    import os

    from steward.app.tools.doctor import examine

    findings = examine(facility, os.environ, _ns(listen_for, "--for") / 1e9)
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    if any(finding.level == "wrong" for finding in findings):
        raise typer.Exit(1)


@cli.command()
def simulate(
    broker: Annotated[str, typer.Argument(help="address of any broker, e.g. mqtt://127.0.0.1:1883")],
    past: Annotated[str, typer.Option(help="how much past to play first, as fast as the broker takes it")] = "0s",
    duration: Annotated[str, typer.Option(help="stop after so much live time; default: never")] = "",
    speed: Annotated[float, typer.Option(help="simulated seconds per second, live")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same campus")] = 7,
    faults: Annotated[bool, typer.Option(help="put faults into it")] = True,
    labels: Annotated[Path | None, typer.Option(help="write the ground truth here, JSON lines")] = None,
    facility: Annotated[Path | None, typer.Option(help="write the campus' facility file here first")] = None,
) -> None:
    """Plays a simulated campus, alone, against any broker."""
    import time

    from simulators.player import Options
    from steward.app.tools.commands import simulate as play

    end = time.time_ns() + round(_ns(duration, "--duration") * speed) if duration else None
    play(
        broker,
        Options(seed=seed, past=_ns(past, "--past"), end=end, speed=speed, labels=labels),
        faults=faults,
        facility=facility,
    )


@cli.command()
def replay(
    preset: Annotated[str, typer.Argument(help="carobd, daiad_water, lbnl_ahu, lbnl_ahu_single or occupancy")],
    folder: Annotated[Path, typer.Argument(help="folder of the recorded data")],
    broker: Annotated[str, typer.Argument(help="address of any broker")],
    speed: Annotated[float, typer.Option(help="recorded seconds per second; 0: as fast as the broker takes it")] = 0.0,
    shift: Annotated[str, typer.Option(help="keep device times, or move the first (begin) or last (end) to now")] = "keep",
    facility: Annotated[Path | None, typer.Option(help="write the recording's facility file here first")] = None,
) -> None:
    """Publishes recorded data as MQTT, with its own timing or as fast as possible."""
    from simulators.replay import Shift
    from steward.app.tools.commands import replay_recording

    if shift not in get_args(Shift):
        raise typer.BadParameter(f"{shift!r}, expected keep, begin or end", param_hint="--shift")
    move = cast(Shift, shift)
    done = replay_recording(preset, folder, broker, speed=speed or None, shift=move, facility=facility)
    sys.stdout.write(f"{done.messages} messages, {done.samples} samples, {done.acknowledged} acknowledged\n")


@cli.command("import")
def import_(
    facility: FacilityPath,
    source: Annotated[Path, typer.Argument(help="CSV or Parquet with columns point, at, value (and received, quality ...)")],
    reads: Annotated[bool, typer.Option(help="reads by hand: CSV with columns point, at, value, by and perhaps unit")] = False,
    by: Annotated[str, typer.Option(help="with --reads: who read, where a line does not say")] = "",
    unit: Annotated[str, typer.Option(help="with --reads: unit where a line does not say; else the register's own")] = "",
    url: Annotated[str, typer.Option(help="with --reads: the running service; default: the facility file's API")] = "",
) -> None:
    """Reads samples, or reads that people took from registers, into the store; doing it twice changes nothing."""
    import asyncio
    import os

    from steward.app.tools.commands import import_samples
    from steward.app.tools.manual_reads import import_reads

    if reads:
        taken, problems = asyncio.run(import_reads(facility, source, os.environ, by=by, symbol=unit, url=url))
        sys.stdout.write(f"{taken} reads taken\n")
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        if problems:
            raise typer.Exit(1)
        return
    stored, unknown = asyncio.run(import_samples(facility, source, os.environ))
    sys.stdout.write(f"{stored} samples stored\n")
    for id, count in unknown.items():
        sys.stderr.write(f"{id}: no such point, {count} samples left out\n")
    if unknown:
        raise typer.Exit(1)


@cli.command()
def export(
    facility: FacilityPath,
    target: Annotated[Path, typer.Argument(help="file to write: *.parquet or *.csv")],
    start: Annotated[str, typer.Option(help="from this moment (ISO 8601 with zone)")],
    end: Annotated[str, typer.Option(help="up to this moment")],
    point: Annotated[list[str] | None, typer.Option(help="a point; may be given several times; default: all")] = None,
) -> None:
    """Writes samples from the store to a file."""
    import asyncio
    import os

    from steward.app.tools.commands import export_samples
    from steward.store.export import moment

    try:
        span = moment(start), moment(end)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--start, --end") from None
    rows = asyncio.run(export_samples(facility, target, point or [], *span, os.environ))
    sys.stdout.write(f"{rows} samples written to {target}\n")


@cli.command("notify-test")
def notify_test(
    facility: FacilityPath,
    channel: Annotated[str, typer.Option(help="id of a channel of the facility file")],
    by: Annotated[str, typer.Option(help="who asks, as the notice says")] = "steward notify-test",
) -> None:
    """Sends a test notice through one channel and says what its server answered. Needs no running service."""
    import asyncio
    import os
    import time

    from steward.app.checking import read
    from steward.app.notices.service import send_test

    for line in asyncio.run(send_test(read(facility), os.environ, channel, by, time.time_ns())):
        sys.stdout.write(f"{line}\n")


@cli.command()
def report(
    month: Annotated[str, typer.Option(help="the month, e.g. 2026-10")],
    out: Annotated[Path, typer.Option(help="file to write: *.xlsx, *.html (printable) or *.csv (the standard table)")],
    language: Annotated[str, typer.Option(help="en or zh")] = "en",
    url: Annotated[str, typer.Option(help="address of the running service")] = "http://127.0.0.1:8080",
) -> None:
    """Writes a monthly report, made by the running service from its books at this moment, to a file."""
    from steward.app.reports.command import fetch

    size = fetch(url, month, language, out)
    sys.stdout.write(f"{size} bytes written to {out}\n")


@cli.command("init-store")
def init_store(facility: FacilityPath) -> None:
    """Sets up bucket, retention and downsampling task of an InfluxDB store."""
    import os

    from steward.app.tools.commands import init_store as prepare

    for line in prepare(facility, os.environ):
        sys.stdout.write(f"{line}\n")


@cli.command()
def backtest(
    facility: FacilityPath,
    start: Annotated[str, typer.Option(help="from this moment (ISO 8601 with zone)")],
    end: Annotated[str, typer.Option(help="up to this moment")],
    rules: Annotated[Path | None, typer.Option(help="rule tables of your own (TOML)")] = None,
    use: Annotated[list[str] | None, typer.Option(help="id of a rule of the facility; may be given several times")] = None,
    pack: Annotated[list[str] | None, typer.Option(help="a whole pack; may be given several times")] = None,
    against: Annotated[
        Path | None, typer.Option(help="a second version of the same rules (TOML): shows the difference")
    ] = None,
    sweep: Annotated[str, typer.Option(help="values to try: rule:field=value,value,...")] = "",
    data: Annotated[Path | None, typer.Option(help="samples from this CSV or Parquet instead of the store")] = None,
    labels: Annotated[Path | None, typer.Option(help="what was wrong: CSV, or the simulator's JSON lines")] = None,
    complete: Annotated[bool, typer.Option("--complete", help="the labels name everything that was wrong")] = False,
    processes: Annotated[int, typer.Option(help="processes to use; 0: one per core")] = 0,
    out: Annotated[Path | None, typer.Option(help="write the whole result here as JSON")] = None,
) -> None:
    """Tries rules on the past: episodes, hours in alert, precision, recall and delay; limits side by side; two versions."""
    import asyncio
    import os

    import msgspec

    from steward.app.trials.command import Options, told
    from steward.app.trials.command import backtest as run
    from steward.store.export import moment

    try:
        span = moment(start), moment(end)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--start, --end") from None
    options = Options(*span, rules, tuple(use or ()), tuple(pack or ()), against, sweep, data, labels, complete, processes)
    result = asyncio.run(run(facility, options, os.environ))
    for line in told(result):
        sys.stdout.write(line + "\n")
    if out is not None:
        out.write_bytes(msgspec.json.encode(result) + b"\n")


@cli.command()
def test(files: Annotated[list[Path], typer.Argument(help="rule cases (TOML)")]) -> None:
    """Runs rule cases written as text."""
    from steward.app.tools.commands import run_cases

    if not run_cases(files, typer.echo):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: Steward's own errors become a sentence and an exit code; logs go to standard error."""
    from steward.app import logs

    logs.configure(json=False, level="error")
    try:
        cli()
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(f"{problem}\n")
        count = len(error.problems)
        sys.stderr.write(f"{count} problem{'s' if count != 1 else ''}\n")
        sys.exit(2)
    except StewardError as error:
        sys.stderr.write(f"steward: {error}\n")
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
