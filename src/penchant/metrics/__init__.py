"""Pure functions over arrays: how good is a list?"""

from penchant.metrics.bootstrap import Interval, bounds, cluster_bootstrap, cluster_sums, intervals
from penchant.metrics.catalogue import coverage, list_means, popular_items, self_information
from penchant.metrics.forgetting import backward_transfer, backward_transfer_interval, forward_transfer
from penchant.metrics.paired import PairedLoss, paired_loss
from penchant.metrics.propensity import debiased_metrics, propensities
from penchant.metrics.ranking import BEYOND, list_ranks, tie_order, top_lists
from penchant.metrics.relevance import RELEVANCE_METRICS, relevance_metrics

__all__ = [
    "BEYOND",
    "RELEVANCE_METRICS",
    "Interval",
    "PairedLoss",
    "backward_transfer",
    "backward_transfer_interval",
    "bounds",
    "cluster_bootstrap",
    "cluster_sums",
    "coverage",
    "debiased_metrics",
    "forward_transfer",
    "intervals",
    "list_means",
    "list_ranks",
    "paired_loss",
    "popular_items",
    "propensities",
    "relevance_metrics",
    "self_information",
    "tie_order",
    "top_lists",
]
