//! Golden cases of addresses: what is sent, what is made of it, and what is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod sent;

use enrichment::Enrichments;
use event::RequestFacts;
use sent::{requested, worked_out};
use serde_json::json;

/// `context.ip`, the kind, and what is left of it with the default policy (`-`: nothing).
const SENT: &str = r#"
    8.8.8.8                              public         8.8.8.0
    '  8.8.8.8 '                         public         8.8.8.0
    8.8.8.8:443                          public         8.8.8.0
    100.63.255.255                       public         100.63.255.0
    100.128.0.0                          public         100.128.0.0
    11.0.0.1                             public         11.0.0.0
    172.32.0.1                           public         172.32.0.0
    192.0.0.9                            public         192.0.0.0
    223.255.255.255                      public         223.255.255.0
    ::ffff:8.8.8.8                       public         8.8.8.0
    ::FFFF:0808:0808                     public         8.8.8.0
    2600:1f18:abcd:ef01::7               public         2600:1f18:abcd::
    2600:1F18:ABCD:0:0:0:0:7             public         2600:1f18:abcd::
    [2600:1f18:abcd::7]                  public         2600:1f18:abcd::
    [2600:1f18:abcd::7]:8080             public         2600:1f18:abcd::
    64:ff9b::808:808                     public         64:ff9b::
    2001:4:112::1                        public         2001:4:112::
    10.1.2.3                             private        10.1.2.0
    172.16.0.1                           private        172.16.0.0
    172.31.255.255                       private        172.31.255.0
    192.168.1.77                         private        192.168.1.0
    fd12:3456:789a::1                    private        fd12:3456:789a::
    ::ffff:192.168.1.77                  private        192.168.1.0
    127.0.0.1                            loopback       127.0.0.0
    ::1                                  loopback       ::
    169.254.10.20                        link-local     169.254.10.0
    fe80::1%eth0                         link-local     fe80::
    [fe80::1%25en1]:80                   link-local     fe80::
    100.64.0.1                           shared         100.64.0.0
    100.127.255.255                      shared         100.127.255.0
    192.0.2.1                            documentation  192.0.2.0
    198.51.100.23                        documentation  198.51.100.0
    203.0.113.9                          documentation  203.0.113.0
    2001:db8:1:2::3                      documentation  2001:db8:1::
    3fff:fff:1::2                        documentation  3fff:fff:1::
    224.0.0.251                          multicast      224.0.0.0
    ff02::1                              multicast      ff02::
    0.1.2.3                              reserved       0.1.2.0
    192.0.0.8                            reserved       192.0.0.0
    192.88.99.1                          reserved       192.88.99.0
    198.18.0.1                           reserved       198.18.0.0
    198.19.255.255                       reserved       198.19.255.0
    240.0.0.1                            reserved       240.0.0.0
    255.255.255.255                      reserved       255.255.255.0
    2001:0:4136:e378:8000:63bf:3fff:fdd2 reserved       2001:0:4136::
    2002:808:808::1                      reserved       2002:808:800::
    100::1                               reserved       100::
    4000::1                              reserved       4000::
    fec0::1                              reserved       fec0::
    5f00::1                              reserved       5f00::
    64:ff9b:1::1                         reserved       64:ff9b:1::
    localhost                            invalid        -
    unknown                              invalid        -
    1.2.3                                invalid        -
    1.2.3.4.5                            invalid        -
    256.1.1.1                            invalid        -
    01.02.03.04                          invalid        -
    1.2.3.4:99999                        invalid        -
    1.2.3.4%eth0                         invalid        -
    fe80::1%e"th                         invalid        -
    1.2.3.4/24                           invalid        -
    '1.2.3.4, 10.0.0.1'                  invalid        -
    [1.2.3.4]                            invalid        -
    [::1                                 invalid        -
    2600::1::2                           invalid        -
    ::ffff:1.2.3.256                     invalid        -
    0x7f000001                           invalid        -
    ''                                   reserved       -
    '   '                                reserved       -
    0.0.0.0                              reserved       -
    ::                                   reserved       -
"#;

#[test]
fn each_address_has_its_kind_and_only_so_much_is_left_of_it() {
    let enrichments = Enrichments::built_in();
    let mut wrong = Vec::new();
    for line in SENT.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.trim();
        let (text, rest) = match line.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => line.split_once(' ').unwrap(),
        };
        let mut expected = rest.split_whitespace();
        let (kind, left) = (expected.next().unwrap(), expected.next().unwrap());
        let event =
            requested("server", &json!({ "ip": text }).to_string(), RequestFacts::default());
        let facts = worked_out(&enrichments, &event);
        let ip = facts.ip.unwrap_or_default();
        let policy = if left == "-" { "drop" } else { "truncate" };
        let flags: &[&str] = if kind == "invalid" { &["invalid-ip"] } else { &[] };
        let is_as_told = ip.kind == kind
            && ip.address.as_deref().unwrap_or("-") == left
            && ip.policy == policy
            && ip.taken_from == "context"
            && facts.flags == flags;
        if !is_as_told {
            wrong.push(format!("{line}: {ip:?} {:?}", facts.flags));
        }
    }
    assert!(SENT.lines().count() > 60);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_senders_word_comes_before_the_request_and_a_servers_request_is_not_its_users() {
    let enrichments = Enrichments::built_in();
    let mut wrong = Vec::new();
    for (kind, context, expected) in [
        ("browser", json!({}), Some(("request", Some("9.9.9.0")))),
        ("mobile", json!({}), Some(("request", Some("9.9.9.0")))),
        ("server", json!({}), None),
        ("browser", json!({ "ip": "8.8.8.8" }), Some(("context", Some("8.8.8.0")))),
        ("server", json!({ "ip": "8.8.8.8" }), Some(("context", Some("8.8.8.0")))),
        ("browser", json!({ "ip": "garbage" }), Some(("context", None))),
        ("browser", json!({ "ip": "0.0.0.0" }), Some(("context", None))),
        ("browser", json!({ "ip": null }), Some(("request", Some("9.9.9.0")))),
        ("browser", json!({ "ip": 134_744_072 }), Some(("request", Some("9.9.9.0")))),
        ("browser", json!({ "ip": "[masked]" }), Some(("request", Some("9.9.9.0")))),
        ("server", json!({ "ip": format!("hmac:{}", "a".repeat(64)) }), None),
    ] {
        let request = RequestFacts { ip: Some("9.9.9.9".to_owned()), ..RequestFacts::default() };
        let event = requested(kind, &context.to_string(), request);
        let ip = worked_out(&enrichments, &event).ip;
        let told = ip.as_ref().map(|ip| (ip.taken_from.as_str(), ip.address.as_deref()));
        if told != expected {
            wrong.push(format!("{kind} {context}: {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
