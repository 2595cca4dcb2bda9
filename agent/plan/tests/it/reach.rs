//! Which addresses a health check may ask.

use plan::reach::Reach;

/// What an address is; and whether it is asked without the account's leave, and with it.
#[track_caller]
fn check(addresses: &str, reach: Reach, may: (bool, bool)) {
    for address in addresses.split_whitespace() {
        let found = Reach::of(crate::table::word(address));
        assert_eq!(found, reach, "{address}");
        let asked = |private| found.forbids(private).is_none();
        assert_eq!((asked(false), asked(true)), may, "{address}");
    }
}

#[test]
fn public_addresses_are_asked() {
    let v4 = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.0 \
              172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255";
    check(v4, Reach::Public, (true, true));
    check("2600:1f00::1 2a00:1450::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1", Reach::Public, (true, true));
}

#[test]
fn private_ones_and_the_machine_itself_only_with_the_accounts_leave() {
    let v4 = "10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255";
    check(v4, Reach::Private, (false, true));
    check("fc00::1 fdff::1 fec0::1 64:ff9b:1::1 ::ffff:10.0.0.1 64:ff9b::192.168.0.1", Reach::Private, (false, true));
    check("127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 2002:7f00:1::", Reach::Loopback, (false, true));
}

#[test]
fn where_credentials_are_handed_out_nobody_asks_ever() {
    let all = "169.254.169.254 169.254.170.2 169.254.0.0 169.254.255.255 fe80::1 febf::1 fd00:ec2::254 fd00:ec2::23 \
               ::ffff:169.254.169.254 ::169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::1";
    check(all, Reach::LinkLocal, (false, false));
}

#[test]
fn nor_what_nobody_has() {
    let v4 = "0.0.0.0 0.1.2.3 192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255";
    check(v4, Reach::Nobody, (false, false));
    check(":: 2001::1 2001:db8::1 3fff::1 ff02::1 100::1 4000::1 ::ffff:0.0.0.0", Reach::Nobody, (false, false));
}
