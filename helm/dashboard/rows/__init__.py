"""Rows of the dashboard, in the order in which an on-call engineer reads them."""

from rows import deliveries, findings, health, latency, requests

ROWS = [health.row(), latency.row(), findings.row(), deliveries.row(), requests.row()]
