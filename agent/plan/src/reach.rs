//! Which addresses a health check may ask. A manifest names hosts, and whoever answers for a host's name can point it
//! anywhere: at a machine's own services, at its neighbours, at the place where an instance gets its credentials.
//!
//! The ranges are those of IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and what updates it). Not here:
//! looking a name up; whoever does connects to the address that was judged, and to no other.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anybody's.
    Public,
    /// This machine's.
    Loopback,
    /// A private network's.
    Private,
    /// Of this link only; instances and containers get their credentials from such addresses.
    LinkLocal,
    /// Nobody's that could answer: reserved, for documentation, for many at once.
    Nobody,
}

impl Reach {
    /// What an address is.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }

    /// Why it is not asked, if it is not. `private` says whether the account's guardrails let private addresses be asked.
    pub fn forbids(self, private: bool) -> Option<&'static str> {
        match self {
            Self::Public => None,
            Self::Loopback | Self::Private if private => None,
            Self::Loopback => Some(
                "a loopback address, which no guardrail of this account lets be asked (`may: {privateChecks: true}`)",
            ),
            Self::Private => Some(
                "a private address, which no guardrail of this account lets be asked (`may: {privateChecks: true}`)",
            ),
            Self::LinkLocal => Some("a link-local address, which is never asked"),
            Self::Nobody => Some("an address that nobody has"),
        }
    }
}

fn v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::Loopback,
        [169, 254, ..] => Reach::LinkLocal,
        // 100.64/10 is shared between a carrier and its customers, and used inside of clouds.
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        [0, ..] | [192, 0, 0, _] | [192, 0, 2, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Reach::Nobody
        }
        [192, 88, 99, _] | [224..=255, ..] => Reach::Nobody,
        _ => Reach::Public,
    }
}

fn v6(address: Ipv6Addr) -> Reach {
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        // An IPv4 address in another coat: mapped, compatible, translated (NAT64), 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x2002, high, low, ..] => inside(high, low),
        // AWS's own services of an instance.
        [0xfd00, 0x0ec2, ..] => Reach::LinkLocal,
        [0xfe80..=0xfebf, ..] => Reach::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Reach::Private,
        // A local translation of IPv4, whose addresses only its network knows.
        [0x64, 0xff9b, 1, ..] => Reach::Private,
        // Documentation, discard, benchmarks, tunnels (Teredo), and all that is no global unicast.
        [0x2001, 0x0db8, ..] | [0x2001, 0..=0x01ff, ..] | [0x3fff, 0..=0x0fff, ..] => Reach::Nobody,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Nobody,
    }
}
