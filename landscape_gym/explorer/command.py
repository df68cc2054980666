"""``landscape-gym explore``: the page's server, which nothing outside this machine can reach."""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import dataclass
from typing import TYPE_CHECKING

from landscape_gym.extras import require

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

require(["dash", "plotly"])
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Options:
    """Open a page to play with: regimes, rules, and sliders for what makes a rule optimal."""

    port: int = 8050
    """Of the page's address on this machine; 0 takes any that is free."""
    browser: bool = True
    """Whether to open the page in a browser."""

    def __post_init__(self) -> None:
        """Check the port.

        Raises:
            ValueError: if there is no such port.
        """
        if not 0 <= self.port < 65536:
            raise ValueError(f"--port is from 0 to 65535, got {self.port}.")


def main(options: Options) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        OSError: if the port is taken.
    """
    server = serving(options.port)
    address = f"http://{HOST}:{server.port}/"
    print(f"The explorer is at {address} (Ctrl-C ends it).", flush=True)
    if options.browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("The explorer has ended.", file=sys.stderr)


def serving(port: int) -> BaseWSGIServer:
    """The page's server, which listens and has yet to serve.

    Raises:
        OSError: if the port is taken.
    """
    # These take a second, and a misspelt option is told before.
    from werkzeug.serving import WSGIRequestHandler, make_server

    from landscape_gym.explorer.page import application

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: object, **__: object) -> None:
            """Say nothing of what went well."""

    try:
        return make_server(HOST, port, application().server, threaded=True, request_handler=Quiet)
    except SystemExit:  # after werkzeug has said it in a line of its own
        raise OSError(f"port {port} is taken: name another with --port, or 0 for any.") from None
