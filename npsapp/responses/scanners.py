"""Programs that open links before people do: how they call themselves, and where they come from."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network


@dataclass(frozen=True)
class Scanner:
    """One product; `agents` are parts of a User-Agent, `networks` what its vendor publishes for its mail service."""

    name: str
    agents: tuple[str, ...]
    networks: tuple[str, ...]
    source: str


SCANNERS = (
    Scanner(
        "Microsoft Defender (Safe Links)", ("safelinks", "ms-office; msoffice"),
        ("40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48", "2a01:111:f403::/48"),
        "https://learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges (Exchange Online, 10)",
    ),
    Scanner(
        "Barracuda", ("barracuda",), ("209.222.80.0/21", "64.235.144.0/20"),
        "https://campus.barracuda.com/product/emailgatewaydefense/ (IP ranges)",
    ),
    Scanner(
        "Proofpoint", ("proofpoint", "urldefense"), ("67.231.144.0/20", "148.163.128.0/19", "205.220.160.0/20"),
        "ARIN, networks of Proofpoint",
    ),
    Scanner(
        "Mimecast", ("mimecast",), ("195.130.217.0/24", "91.220.42.0/24", "146.101.78.0/24", "207.82.80.0/24"),
        "SPF record of eu._netblocks.mimecast.com",
    ),
    Scanner(
        "Programs that say so", ("headless", "phantomjs", "bot", "crawl", "spider", "scan", "preview"), (),
        "https://www.rfc-editor.org/rfc/rfc9110#name-user-agent",
    ),
)  # fmt: skip

AGENTS = "|".join(word for one in SCANNERS for word in one.agents)
_NETWORKS = tuple(ip_network(network) for one in SCANNERS for network in one.networks)


@lru_cache(maxsize=1024)
def lives_in(prefix: str) -> bool:
    """Whether a network prefix (see `rules.network_of`) lies in a network of a known scanner, or holds one."""
    return bool(prefix) and any(
        known.version == (here := ip_network(prefix)).version and known.overlaps(here) for known in _NETWORKS
    )
