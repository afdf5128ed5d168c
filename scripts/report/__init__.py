# SPDX-License-Identifier: GPL-2.0-only
"""The report of the benches: reads what they wrote, measures nothing itself."""
