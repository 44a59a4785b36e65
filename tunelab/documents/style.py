"""Colours and fonts that pages, interactive figures and PNG files share."""

from __future__ import annotations

# Okabe and Ito's palette without black and yellow, so that lines part on both backgrounds and for colour-blind readers.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6bb1", "#7f8c8d")
FONT_STACK = "system-ui, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', NanumGothic, sans-serif"
