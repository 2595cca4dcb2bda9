//! How many objects a pack announces, read from the answer's bytes as they pass: gix makes room for all of them before the
//! first is there.
//!
//! Nothing else of git's protocol is understood here, and nothing is changed: packet lines are counted off, and the first
//! bytes of what comes on the data channel are a pack's head or they are not.

/// `PACK`, a version, a count: four bytes each.
const HEAD: usize = 12;

/// Watches one stream of packet lines.
#[derive(Debug, Default)]
pub(super) struct Watch {
    at: At,
    /// What the data channel began with.
    head: Vec<u8>,
}

/// Where in a packet line the stream is.
#[derive(Debug, Clone, Copy)]
enum At {
    /// Among the four digits of its length: so many are there, and make so much.
    Length { digits: usize, value: usize, raw: [u8; 4] },
    /// Before its first byte.
    First { left: usize },
    /// Inside.
    Inside { left: usize, data: bool },
    /// In a pack that comes without packet lines, or in what is none of git's.
    Bare,
}

impl Default for At {
    fn default() -> Self {
        Self::Length { digits: 0, value: 0, raw: [0; 4] }
    }
}

impl Watch {
    /// Looks at what passes; the count, when it has just become known.
    pub(super) fn see(&mut self, mut bytes: &[u8]) -> Option<u64> {
        let mut announced = None;
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.at {
                At::Length { digits, value, mut raw } => {
                    raw[digits] = byte;
                    let value = char::from(byte).to_digit(16).map(|digit| value * 16 + digit as usize);
                    (self.at, announced) = self.length(digits + 1, value, raw, announced);
                    rest
                }
                At::First { left } => {
                    // Channel 1 is data, 2 and 3 are words for people; any other line begins something new.
                    if !(1..=3).contains(&byte) {
                        self.head.clear();
                    }
                    self.at = inside(left - 1, byte == 1);
                    rest
                }
                At::Inside { left, data } => {
                    let (now, later) = bytes.split_at(left.min(bytes.len()));
                    if data {
                        announced = self.data(now).or(announced);
                    }
                    self.at = inside(left - now.len(), data);
                    later
                }
                At::Bare => {
                    announced = self.data(bytes).or(announced);
                    &[]
                }
            };
        }
        announced
    }

    fn length(&mut self, digits: usize, value: Option<usize>, raw: [u8; 4], so_far: Option<u64>) -> (At, Option<u64>) {
        match value {
            None => {
                self.head.clear();
                (At::Bare, self.data(&raw[..digits]).or(so_far))
            }
            Some(value) if digits < 4 => (At::Length { digits, value, raw }, so_far),
            // Flush, delimiter and end have no payload; an empty line neither.
            Some(0..=4) => (At::default(), so_far),
            Some(value) => (At::First { left: value - 4 }, so_far),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> Option<u64> {
        let missing = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        let whole = missing > 0 && self.head.len() == HEAD;
        let count = self.head.last_chunk().filter(|_| whole && self.head.starts_with(b"PACK"));
        count.map(|count| u64::from(u32::from_be_bytes(*count)))
    }
}

fn inside(left: usize, data: bool) -> At {
    if left == 0 { At::default() } else { At::Inside { left, data } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the stream is cut, the same is seen.
    #[track_caller]
    fn check(stream: &[u8], expect: Option<u64>) {
        for size in [1, 2, 3, 5, 7, 11, stream.len()] {
            let mut watch = Watch::default();
            let seen: Vec<u64> = stream.chunks(size).filter_map(|chunk| watch.see(chunk)).collect();
            assert_eq!(seen, Vec::from_iter(expect), "in pieces of {size}");
        }
    }

    #[test]
    fn a_pack_s_count_is_seen_wherever_it_stands() {
        let head = b"PACK\0\0\0\x02\0\x01\0\x02";
        let lines = |parts: &[&[u8]]| {
            let line = |part: &&[u8]| [format!("{:04x}", part.len() + 4).as_bytes(), part].concat();
            parts.iter().flat_map(line).collect::<Vec<u8>>()
        };
        let data = |bytes: &[u8]| [b"\x01", bytes].concat();
        let whole = data(&[&head[..], b"and what follows"].concat());
        check(&lines(&[b"packfile\n", b"\x02Counting", &whole, &data(b"PACK again, inside")]), Some(65_538));
        check(
            &lines(&[b"NAK\n", &data(b"PA"), b"\x02x", &data(b"CK\0\0\0\x02\0\x01"), &data(b"\0\x02")]),
            Some(65_538),
        );
        check(&lines(&[&data(b"no pack, but data"), b"packfile\n", &whole]), Some(65_538));
        check(&[&b"0008NAK\n"[..], head, b"more"].concat(), Some(65_538));
        check(&[&b"000100000004"[..], &lines(&[b"packfile\n", &whole])].concat(), Some(65_538));
        check(&lines(&[b"version 2\n", b"ls-refs\n"]), None);
        check(b"<html>no git at all</html>", None);
    }
}
