"""Links to orders in the program they came from."""

import pytest

from npsapp.intake.models import Interaction, Source


@pytest.mark.parametrize(
    ("template", "number", "external_id", "link"),
    [
        ("https://shop.example/orders/{number}", "БУ-1/2", "x", "https://shop.example/orders/%D0%91%D0%A3-1%2F2"),
        ("https://crm.example/deal/{id}/", "", "7405", "https://crm.example/deal/7405/"),
        ("https://shop.example/orders/{number}", "", "x", ""),
        ("https://crm.example/deal/{id}/", "12", "12|2026", ""),
        ("https://crm.example/deal/{id}/", "", "~0123", ""),
        ("javascript:alert({number})", "1", "x", ""),
        ("", "1", "x", ""),
    ],
)
def test_an_order_is_linked_where_its_place_is_known(template: str, number: str, external_id: str, link: str) -> None:
    one = Interaction(number=number, external_id=external_id)
    one.source = Source(link_template=template)

    assert one.link == link
