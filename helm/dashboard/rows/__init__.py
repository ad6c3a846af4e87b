"""Rows of the dashboard, in the order in which an on-call engineer reads them."""

from rows import deliveries, findings, health, latency, requests, triage

ROWS = [health.row(), latency.row(), findings.row(), triage.row(), deliveries.row(), requests.row()]
