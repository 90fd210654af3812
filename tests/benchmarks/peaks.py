"""How much memory an import takes at most, by the size of its file."""

import os

from npsapp.lib.tables import MOST_ROWS
from tests.benchmarks import goods
from tests.benchmarks.stage import Stage

Line = tuple[str, ...]

MEGABYTES = [int(size) for size in os.environ.get("BENCH_MEGABYTES", "10,300").split(",")]
ROW, DOCUMENT = 257, 3_783  # bytes


def peaks(stage: Stage) -> list[Line]:
    """(m) Peak memory of reading and applying tables and CommerceML; only when asked for, it takes long."""
    lines = []
    for megabytes in MEGABYTES:
        table, package = stage.folder / f"{megabytes}.csv", stage.folder / f"{megabytes}.xml"
        goods.write(table, min(megabytes * 1_000_000 // ROW, MOST_ROWS))
        goods.write_documents(package, documents=megabytes * 1_000_000 // DOCUMENT)
        for file, kind in ((table, "CSV"), (package, "CommerceML")):
            said = stage.install(UPLOAD_MEGABYTES="400").child("ours", "peak", str(file))
            what = f"(m) peak memory of an import, MB: {file.stat().st_size / 1e6:.0f} MB of {kind}"
            lines.append((what, stage.kind, f"{said['kb'] / 1024:.0f}", "", "", "< 150", ""))
            file.unlink()
    return lines
