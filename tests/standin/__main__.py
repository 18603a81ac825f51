"""``python -m tests.standin``: the stand-in endpoint by itself, for an engine that is to be pointed at it."""

import argparse
import asyncio

from tests.standin.answers import scripted
from tests.standin.faults import FAULTS, now_and_then
from tests.standin.server import StandIn


async def serve(port: int, faults_pct: float, latency_s: float, seed: int, names: tuple[str, ...]) -> None:
    """Serve until interrupted."""
    choose = now_and_then(faults_pct / 100, seed, names)
    async with StandIn(choose, scripted, latency_s=latency_s, port=port) as standin:
        print(
            f"base_url: {standin.base_url}  ({faults_pct:g} % faults, {latency_s:g} s latency, seed {seed})", flush=True
        )
        await asyncio.Event().wait()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--faults", type=float, default=0.0, help="share of the calls that go wrong, in %%")
    parser.add_argument("--latency", type=float, default=0.0, help="how long it thinks, in seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), help="this fault, and others named so")
    options = parser.parse_args()
    names = tuple(options.only or FAULTS)
    try:
        asyncio.run(serve(options.port, options.faults, options.latency, options.seed, names))
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
