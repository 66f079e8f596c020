"""Which addresses alerts may be sent to: public ones, and those that playhead.yaml allows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Where clouds hand out credentials to whoever asks from the right machine. Azure's looks like a public address.
_METADATA = (
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254"),
)
METADATA = frozenset(ip_address(text) for text in _METADATA)
GLOBAL_UNICAST = IPv6Network("2000::/3")  # all that IPv6 has of public addresses lies in here
NOT_PUBLIC = tuple(ip_network(t) for t in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "192.88.99.0/24"))
# IPv6 addresses that lead to an IPv4 one, and by how many bits it is shifted.
EMBEDDING = (
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64, local
    (IPv6Network("2002::/16"), 80),  # 6to4
    (IPv6Network("::/96"), 0),  # compatible
)


def refusal(text: str, allow: Sequence[Network]) -> str | None:
    """What kind of address this is where nothing may be sent to it; None where it may.

    A metadata address is allowed only by a network that is that very address; what embeds an IPv4 address needs
    both to be allowed. Raises ValueError where the text is no address.
    """
    address = ip_address(text.partition("%")[0])  # a zone says which interface, not what kind
    if address in METADATA:
        alone = any(address in n and n.num_addresses == 1 for n in allow)
        return None if alone else "the address of a cloud's metadata"
    inner = _embedded(address)
    if any(address in n for n in allow):
        return refusal(str(inner), allow) if inner else None
    return "an IPv6 address that stands for an IPv4 one" if inner else _kind(address)


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address) or int(address) <= 1:  # :: and ::1 are themselves
        return None
    shift = next((bits for network, bits in EMBEDDING if address in network), None)
    return None if shift is None else IPv4Address(int(address) >> shift & 0xFFFFFFFF)


def _kind(address: Address) -> str | None:
    """What it is that keeps it from being public; None for a public one."""
    said = {
        "is_unspecified": "the unspecified address",
        "is_loopback": "a loopback address",
        "is_link_local": "a link-local address",
        "is_multicast": "a multicast address",
    }
    for trait, words in said.items():
        if getattr(address, trait):
            return words
    outside = address.version == 6 and address not in GLOBAL_UNICAST
    if outside or not address.is_global or address.is_reserved or any(address in n for n in NOT_PUBLIC):
        return "a private or reserved address"
    return None
