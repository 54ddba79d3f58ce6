"""`quoteserver`: the legacy quote server's simulator alone, with its own options."""

import sys

import typer

_DEFAULT_PORT = "4444"


def quoteserver(context: typer.Context) -> None:
    """Runs the simulated quote server: --port P --delay D --price P --seed S --fault F (see --help)."""
    from quotecache.legacy.__main__ import main

    named = any(argument.partition("=")[0] == "--port" for argument in context.args)
    sys.argv[0] = "daytrade quoteserver"
    main([*([] if named else ["--port", _DEFAULT_PORT]), *context.args])
