# SPDX-License-Identifier: GPL-2.0-only
import tempfile
import unittest
from pathlib import Path

from ..source import read


class Source(unittest.TestCase):
    def read(self, content: str | None) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as name:
            if content is not None:
                (Path(name) / "latency.json").write_text(content, encoding="utf-8")
            source = read(Path(name), "latency")
            return len(source.rows), source.missing

    def test_rows(self) -> None:
        self.assertEqual(self.read('[{"setup": "lanes-epoll"}]'), (1, ""))

    def test_missing_file_names_the_target(self) -> None:
        self.assertEqual(self.read(None), (0, "not run: make bench-latency"))

    def test_what_cannot_be_read_is_said(self) -> None:
        for content in ("[{", '{"a": 1}', "[1, 2]", "5", "[]"):
            count, missing = self.read(content)
            self.assertEqual(count, 0)
            self.assertIn("make bench-latency", missing)
