"""Writing many rows that name what they refer to, instead of knowing its id."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert

from npsapp.db import db, new_ids

Row = dict[str, Any]


class Writer:
    """Writes rows in bulk: `"region": "kyiv"` becomes the region's id. Needs a transaction."""

    def __init__(self) -> None:
        self.ids: dict[str, dict[Any, int]] = defaultdict(dict)
        """Ids by kind of thing and name."""
        self.always: Row = {}
        """Columns with the same value in every table that has them."""

    def write(self, model: Any, rows: Iterable[Row], kind: str = "") -> int:
        """Write rows, all with the same names, without what is no column of the table; gives how many.

        With a `kind` the new ids are kept, by what each row says under that name.
        """
        given = list(rows)
        if not given:
            return 0
        columns = set(model.__table__.columns.keys())
        always = {name: value for name, value in self.always.items() if name in columns}
        known = [name for name in given[0] if name in columns]
        references = [name for name in given[0] if name in self.ids and f"{name}_id" in columns]
        ready = [always | {name: row[name] for name in known} for row in given]
        for name in references:
            ids: dict[Any, int | None] = {None: None, **self.ids[name]}
            for row, one in zip(ready, given, strict=True):
                row[f"{name}_id"] = ids[one[name]]
        if kind:
            for row, one, id_ in zip(ready, given, new_ids(model, len(given)), strict=True):
                row["id"] = self.ids[kind][one[kind]] = id_
        db.session.connection().execute(insert(model), ready)
        return len(given)
