"""The leaderboard: wins, losses and worth of every contestant."""

from decimal import Decimal

from msgspec import Struct

from api.handoff import schema as wire
from engine.export.model_usage import RunningUsage
from engine.export.worth import START_USD, Worth
from engine.model.position import ZERO


class Tally(Struct, kw_only=True, gc=False):
    """A trader's completed trades, summed up as they come; USD on the wire's scale, losses negative.

    A trade counts as won when something is left of it after fees.
    """

    wins: int = 0
    losses: int = 0
    won_usd: Decimal = ZERO
    lost_usd: Decimal = ZERO

    def add(self, trade: wire.Trade) -> None:
        """Count one trade."""
        net = Decimal(repr(trade.realized_net_pnl))
        if net > 0:
            self.wins += 1
            self.won_usd += net
        else:
            self.losses += 1
            self.lost_usd += net


def leaderboard_row(
    trader: str, tally: Tally, worth: Worth, sharpe: float, model_cost_usd: Decimal, usage: RunningUsage
) -> wire.LeaderboardRow:
    """Equity to the cent and return to a hundredth of a percent, as nof1 shows them; the same with the model paid for.

    ``model_cost_usd`` is on the wire's scale.
    """
    equity = float(round(worth.equity_usd, 2))
    after_cost = float(round(worth.equity_usd - model_cost_usd, 2))
    return wire.LeaderboardRow(
        id=trader,
        num_trades=tally.wins + tally.losses,
        sharpe=sharpe,
        win_dollars=float(tally.won_usd),
        num_losses=tally.losses,
        lose_dollars=float(tally.lost_usd),
        return_pct=round(equity / float(START_USD) - 1, 4) * 100,
        equity=equity,
        num_wins=tally.wins,
        model_cost_dollars=float(model_cost_usd),
        equity_after_model_cost=after_cost,
        return_pct_after_model_cost=round(after_cost / float(START_USD) - 1, 4) * 100,
        num_swapped_replies=usage.swapped,
        stand_in=usage.stand_in,
    )
