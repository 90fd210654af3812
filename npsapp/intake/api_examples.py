"""Lines that work at once, for whoever connects a program: curl, and a procedure for 1C and BAS."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from npsapp.intake.api_fields import INTERACTION, example

_ONEC = Path(__file__).parent / "templates" / "api" / "onec.txt"
FEW = ("external_id", "number", "happened_at", "state", "unit", "amount", "currency")
OF_CUSTOMER = ("external_id", "name", "emails", "phones")


def purchase() -> dict[str, Any]:
    """A purchase with the fields most programs have."""
    whole = example(INTERACTION)
    customer = {name: whole["customer"][name] for name in OF_CUSTOMER}
    return {name: whole[name] for name in FEW} | {"customer": customer}


def curl(url: str, secret: str, *, method: str = "post", path: str = "/api/v1/interactions", body: Any = None) -> str:
    """A command that sends `body`, else one purchase, in several lines; `url` is where this program is."""
    sent = json.dumps(body or {"interactions": [purchase()]}, ensure_ascii=False, indent=2)
    return (
        f"curl -X {method.upper()} {url}{path} \\\n"
        f"  -H 'Authorization: Bearer {secret}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d '{sent}'"
    )


def onec(url: str, secret: str) -> str:
    """Procedures in the language of 1C (BSL) that send the sales of a period; for trade configurations on 8.3."""
    place = urlsplit(url)
    secure = place.scheme == "https"
    values = {
        "@HOST": place.hostname or "",
        "@PORT": str(place.port or (443 if secure else 80)),
        "@PATH": f"{place.path}/api/v1/interactions",
        "@SECURE": "Новый ЗащищенноеСоединениеOpenSSL()" if secure else "Неопределено",
        "@KEY": secret,
    }
    text = _ONEC.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(name, value)
    return text
