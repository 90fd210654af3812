"""Asking name servers about a sender's domain, all questions at once and within a few seconds."""

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from dns import resolver, reversename
from dns.exception import DNSException
from dns.resolver import Resolver

from npsapp.delivery.arrival import Facts, Found

MOST_ADDRESSES = 4


def facts(
    domain: str, *, selectors: Collection[str], host: str, servers: Iterable[str] = (), seconds: float = 5.0
) -> Facts:
    """What name servers say; takes at most three times `seconds`. `servers`: `address:port`, empty: the system's."""
    ask = _Questions(servers, seconds)
    with ThreadPoolExecutor(max_workers=8) as pool:
        txt, dmarc = pool.submit(ask, domain, "TXT"), pool.submit(ask, f"_dmarc.{domain}", "TXT")
        keys = {one: pool.submit(ask, f"{one}._domainkey.{domain}", "TXT") for one in selectors}
        mx, addresses = pool.submit(ask, domain, "MX"), pool.submit(ask.addresses, host)
        reverse = {one: pool.submit(ask, reversename.from_address(one).to_text(), "PTR") for one in addresses.result()}
        names = {address: found.result() for address, found in reverse.items()}
        back = {address: pool.submit(ask.addresses, found[0]) for address, found in names.items() if found}
        return Facts(
            domain=domain,
            txt=txt.result(),
            dmarc=dmarc.result(),
            dkim={selector: found.result() for selector, found in keys.items()},
            mx=mx.result(),
            host=host,
            addresses=tuple(names),
            names=names,
            confirmed=frozenset(address for address, found in back.items() if address in found.result()),
        )


class _Questions:
    """A resolver that gives plain values."""

    def __init__(self, servers: Iterable[str], seconds: float) -> None:
        own = [one.rpartition(":") for one in servers]
        try:
            self._resolver = Resolver(configure=not own)
        except resolver.NoResolverConfiguration:
            self._resolver = Resolver(configure=False)
        if own:
            self._resolver.nameservers = [name for name, _colon, _port in own]
            self._resolver.port = int(own[0][2])
        self._resolver.lifetime, self._resolver.timeout = seconds, seconds / 2

    def __call__(self, name: str, kind: str) -> Found:
        """The values of a record; an empty list when there is none, None when nobody answered."""
        try:
            answer = self._resolver.resolve(name, kind, search=False)
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return []
        except (DNSException, OSError):
            return None
        if kind == "TXT":
            return [b"".join(one.strings).decode("utf-8", "replace") for one in answer]
        ordered = sorted(answer, key=lambda one: getattr(one, "preference", 0))
        names = (str(getattr(one, "exchange", None) or getattr(one, "target", one)) for one in ordered)
        return [one.rstrip(".") or "." for one in names]

    def addresses(self, host: str) -> list[str]:
        """The public network addresses of a host; none when it is unknown."""
        try:
            found = [str(ip_address(host))]
        except ValueError:
            found = [*(self(host, "A") or []), *(self(host, "AAAA") or [])] if host else []
        return [one for one in found if ip_address(one).is_global][:MOST_ADDRESSES]
