"""Names from outside that stand bare in a prompt: what they may look like, so that they can say nothing else."""

import re

from engine.executor.figures import quoted
from engine.executor.template import PromptError

_COIN = re.compile(r"[A-Za-z0-9]{1,12}", re.ASCII)


def coin_name(coin: str) -> str:
    """The coin's name as it may stand in a heading. Raises ``PromptError`` for one that no reply could give.

    Venues let their users name coins. All other text from outside is ``quoted``; a name is not, because models are to
    write it back as it stands.
    """
    if not _COIN.fullmatch(coin):
        raise PromptError(
            f"coin {quoted(coin, 40)} has a name that no reply could give: 1 to 12 letters A-Z and digits"
        )
    return coin
