"""The page of commands: what --help says, in the words of the typer application itself."""

import re
from typing import Any

import typer

from hwrts.cli.app import app, register_commands


def commands_page() -> str:
    """Markdown with a section for each command: what it does, its arguments and options."""
    register_commands()
    group: Any = typer.main.get_command(app)
    sections = [f"# Commands\n\n{group.help}\n\nEvery command has `--help`. {_codes()}\n"]
    sections += [_section(name, group.commands[name]) for name in sorted(group.commands)]
    return "\n".join(sections)


def _codes() -> str:
    return (
        "Exit codes are 0 passed, 1 the check failed, 2 wrong use, 130 Ctrl-C, 143 SIGTERM. Results go to "
        "stdout, progress to stderr."
    )


def _section(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(["hwrts", name, *command.collect_usage_pieces(context)])
    rows = [_row(each) for each in command.params if not each.hidden and each.name != "help"]
    lines = [f"## hwrts {name}", "", _plain(command.help), "", f"```text\n{usage}\n```", ""]
    return "\n".join([*lines, "| | meaning |", "|---|---|", *rows, ""])


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{_cell(parameter.metavar or str(parameter.name).upper())}`"
        return f"| {names} | {_cell(parameter.help or '')} |"
    names = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
    default = ""
    if parameter.show_default is not False and parameter.default not in (None, False, ()):
        default = f" Default: `{parameter.default}`."
    return f"| {names} | {_cell(parameter.help or '')}{default} |"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", _plain(text)).replace("|", "\\|")


def _plain(text: str) -> str:
    r"""Without typer's markup: \[ is a bracket."""
    return (text or "").replace("\\[", "[").replace("[", "\\[").replace("<", "&lt;").strip()
