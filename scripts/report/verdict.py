# SPDX-License-Identifier: GPL-2.0-only
"""Win, tie or loss: the one rule that the whole report compares by.

All figures here cost something, so less is better, unless told else. A difference
is a tie if it is under 5 % of the baseline, or, of dirty transfers, under 3: so
much three seeds of the same set-up differ by. Their instructions differ by less, so
1 % is a difference.
"""

from dataclasses import dataclass

from .table import show

SHARE = 0.05
RULE = ("A difference under 5 % of the baseline, or under 3 dirty transfers, is a tie: so "
        "much the means of 3 seeds of the same set-up differ by. Their instructions differ "
        "by less than 1 %, so there a tie is what is under that. In all measures but locality "
        "less is better.")


@dataclass(frozen=True)
class Rule:
    """What a difference must reach: a share of the baseline and an absolute value."""

    share: float = SHARE
    least: float = 0.0
    more_is_better: bool = False


USUAL = Rule()
OF_TRANSFERS = Rule(least=3.0)
OF_INSTRUCTIONS = Rule(share=0.01)
OF_CONNECTIONS = Rule(least=1.0)
OF_LOCALITY = Rule(more_is_better=True)


def verdict(value: float, baseline: float, rule: Rule = USUAL) -> str:
    change = value - baseline
    if change == 0 or abs(change) < max(rule.least, rule.share * abs(baseline)):
        return "tie"
    return "win" if (change > 0) == rule.more_is_better else "loss"


def against(value: float, baseline: float, rule: Rule = USUAL) -> str:
    """A cell: the verdict and by how much."""
    word = verdict(value, baseline, rule)
    if baseline == 0:
        return f"{word} ({show(value)} to 0)" if value else word
    percent = 100 * (value / baseline - 1)
    return f"{word} {percent:+.{0 if -99 < percent else 1}f} %".replace("-", "−")
