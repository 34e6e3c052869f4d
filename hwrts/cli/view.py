"""hwrts view: the int8 graph in a browser."""

from typing import Annotated

import typer

from hwrts.cli.console import print_line
from hwrts.cli.options import Quiet, RunArgument, StageOption
from hwrts.cli.stage import choose_network


def view(
    run: RunArgument,
    stage: StageOption = None,
    port: Annotated[
        int, typer.Option(help="Port on localhost; 0 takes a free one.", min=0, max=65535)
    ] = 8080,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    quiet: Quiet = False,
) -> None:
    """Show the int8 ONNX graph in Netron's page on localhost, until Ctrl-C; nothing leaves this machine."""
    import webbrowser

    from hwrts.cli.viewer import model_server
    from hwrts.errors import HwrtsError
    from hwrts.runs.folder import open_run

    chosen = choose_network(open_run(run), stage, quiet=quiet)
    try:
        server = model_server(chosen.onnx, port)
    except OSError as error:
        raise HwrtsError(
            f"port {port}: cannot be used ({error.strerror}); give another with --port, or 0 for a free one"
        ) from error
    with server:
        address = f"http://localhost:{server.server_port}"
        print_line(f"{address}  ({chosen.onnx}; Ctrl-C ends)")
        if browser:
            webbrowser.open(address)
        server.serve_forever()
