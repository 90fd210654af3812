"""Networks of visitors: prefixes, never addresses."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network


@lru_cache(maxsize=1024)
def network_of(address: str | None) -> str:
    """The network prefix of an address: /24 of IPv4, /48 of IPv6; empty when there is none."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return ""
    return str(ip_network((parsed, 24 if isinstance(parsed, IPv4Address) else 48), strict=False))


def network_from(typed: str) -> str:
    """The prefix of a typed address or network ("203.0.113.7", "203.0.113.0/24"); empty when it is none, or wider."""
    try:
        wanted = ip_network(typed.strip(), strict=False)
    except ValueError:
        return ""
    prefix = network_of(str(wanted.network_address))
    return prefix if wanted.prefixlen >= ip_network(prefix).prefixlen else ""
