"""Show how far long work is."""

import io
import sys

from tqdm import tqdm


class Progress(tqdm):
    """A progress bar on a terminal; elsewhere, as in a log, a line for every tenth."""

    def __init__(self, *args, **options):
        self.terminal, self.tenths = sys.stderr.isatty(), 0
        file = sys.stderr if self.terminal else io.StringIO()
        super().__init__(*args, **{"file": file, "leave": False} | options)

    def display(self, *args, **options):
        if self.terminal:
            return super().display(*args, **options)
        if self.total and (tenths := int(self.n * 10 // self.total)) > self.tenths:
            self.tenths = tenths
            total = f"{self.format_sizeof(self.total)}B" if self.unit_scale else f"{self.total:,}"
            print(f"{self.desc}: {10 * tenths} % of {total}", flush=True)
        return True
