//! What an address is for, by IANA's registries.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const PUBLIC: &str = "public";
const PRIVATE: &str = "private";
const LOOPBACK: &str = "loopback";
const LINK_LOCAL: &str = "link-local";
const SHARED: &str = "shared";
const DOCUMENTATION: &str = "documentation";
const MULTICAST: &str = "multicast";
const RESERVED: &str = "reserved";

/// Blocks of IPv4 that are not what their surroundings are; the first that matches counts. From
/// <https://www.iana.org/assignments/iana-ipv4-special-registry/> (a block that is globally reachable
/// is public) and, for multicast and class E, RFC 5771 and RFC 1112.
#[rustfmt::skip]
const OF_IPV4: [([u8; 4], u8, &str); 17] = [
    ([0, 0, 0, 0], 8, RESERVED),           // "this network", RFC 791
    ([10, 0, 0, 0], 8, PRIVATE),           // RFC 1918
    ([100, 64, 0, 0], 10, SHARED),         // carrier-grade NAT, RFC 6598
    ([127, 0, 0, 0], 8, LOOPBACK),         // RFC 1122
    ([169, 254, 0, 0], 16, LINK_LOCAL),    // RFC 3927
    ([172, 16, 0, 0], 12, PRIVATE),        // RFC 1918
    ([192, 0, 0, 9], 32, PUBLIC),          // Port Control Protocol anycast, RFC 7723
    ([192, 0, 0, 10], 32, PUBLIC),         // TURN anycast, RFC 8155
    ([192, 0, 0, 0], 24, RESERVED),        // IETF protocol assignments, RFC 6890
    ([192, 0, 2, 0], 24, DOCUMENTATION),   // TEST-NET-1, RFC 5737
    ([192, 88, 99, 0], 24, RESERVED),      // deprecated 6to4 relays, RFC 7526
    ([192, 168, 0, 0], 16, PRIVATE),       // RFC 1918
    ([198, 18, 0, 0], 15, RESERVED),       // benchmarking, RFC 2544
    ([198, 51, 100, 0], 24, DOCUMENTATION),// TEST-NET-2, RFC 5737
    ([203, 0, 113, 0], 24, DOCUMENTATION), // TEST-NET-3, RFC 5737
    ([224, 0, 0, 0], 4, MULTICAST),        // RFC 5771
    ([240, 0, 0, 0], 4, RESERVED),         // class E and broadcast, RFC 1112
];

/// The same of IPv6, from <https://www.iana.org/assignments/iana-ipv6-special-registry/>; what is
/// neither there nor in 2000::/3, which alone is given out as global unicast, is reserved (RFC 4291).
#[rustfmt::skip]
const OF_IPV6: [([u16; 8], u8, &str); 17] = [
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, LOOPBACK),              // RFC 4291
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, PUBLIC),         // translated IPv4, RFC 6052
    ([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, PUBLIC),           // Port Control Protocol anycast, RFC 7723
    ([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, PUBLIC),           // TURN anycast, RFC 8155
    ([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, PUBLIC),           // DNS-SD anycast, RFC 9665
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, PUBLIC),            // AMT, RFC 7450
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, PUBLIC),        // AS112, RFC 7535
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, PUBLIC),         // ORCHIDv2, RFC 7343
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, PUBLIC),         // drone identifiers, RFC 9374
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, RESERVED),          // IETF protocols, Teredo: RFC 2928, 4380
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, DOCUMENTATION), // RFC 3849
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, RESERVED),          // 6to4, RFC 3056
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, DOCUMENTATION),     // RFC 9637
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, PUBLIC),             // global unicast
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, PRIVATE),            // unique local, RFC 4193
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, LINK_LOCAL),        // RFC 4291
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, MULTICAST),          // RFC 4291
];

/// The kind of an address, in the words of `avro/enriched-events.avsc`.
pub(crate) fn kind_of(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(address) => of_ipv4(address),
        IpAddr::V6(address) => of_ipv6(address),
    }
}

fn of_ipv4(address: Ipv4Addr) -> &'static str {
    let differs = |block: [u8; 4]| u32::from(address) ^ u32::from(Ipv4Addr::from(block));
    let found = OF_IPV4.iter().find(|(block, length, _)| differs(*block) >> (32 - length) == 0);
    found.map_or(PUBLIC, |(_, _, kind)| kind)
}

fn of_ipv6(address: Ipv6Addr) -> &'static str {
    let differs = |block: [u16; 8]| u128::from(address) ^ u128::from(Ipv6Addr::from(block));
    let found = OF_IPV6.iter().find(|(block, length, _)| differs(*block) >> (128 - length) == 0);
    found.map_or(RESERVED, |(_, _, kind)| kind)
}
