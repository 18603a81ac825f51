"""The command `api`: serves the published files in the nof1 wire format until it is told to stop."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

EXIT_FAILED = 1
EXIT_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 after a stop that was asked for, 1 without an address, 78 for settings that cannot be used."""
    options = parse(arguments)
    # Only here, so that --help and a mistake in the settings are answered without loading a web framework.
    from api.config import load_settings
    from api.errors import ConfigError

    try:
        settings = load_settings(options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    chosen = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    settings = msgspec.structs.replace(settings, **chosen)

    from api.server import listen, serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("uvicorn", "watchfiles"):  # they tell of every start and of every change of a file
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        print(f"cannot listen on {settings.host} port {settings.port}: {error}; choose another --port", file=sys.stderr)
        return EXIT_FAILED
    host, port = listener.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/api"
    print(f"api ({settings.env}): {address} serves {settings.data_path}; look at {address}/leaderboard", flush=True)
    serve(settings, listener, options.parent)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="api", description="Serve the published files in the nof1 wire format.")
    parser.add_argument("--config", type=Path, default=Path("etc/nof0.yaml"), help="settings file (%(default)s)")
    parser.add_argument("--host", help="address to listen on instead of Host")
    parser.add_argument("--port", type=int, help="port to listen on instead of Port; 0 takes a free one")
    parser.add_argument("--parent", type=int, metavar="PID", help="stop as soon as this process is not the parent")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
