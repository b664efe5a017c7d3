"""`/metrics` of the office, for Prometheus and its like. Without a token that may, nobody gets anything."""

from .requests import CountedRequests
from .router import router

__all__ = ["CountedRequests", "router"]
