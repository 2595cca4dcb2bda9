//! Numbers that look random and are the same for the same seed (SplitMix64), and the names that AWS makes from them.
//!
//! Not here: any source of real randomness.

/// A stream of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The stream that begins here.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of one site in a seeded world: the same text gives the same stream, whatever happens elsewhere.
    pub fn of(seed: u64, site: &str) -> Self {
        // FNV-1a: the site only has to tell streams apart.
        let hash = site
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(seed ^ hash)
    }

    /// The next number (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 (inclusive) and 1 (exclusive).
    pub fn fraction(&mut self) -> f64 {
        // 53 bits are what a double can hold exactly.
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// So many characters of an alphabet.
    pub fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length).filter_map(|_| alphabet.get((self.draw() % alphabet.len().max(1) as u64) as usize)).collect()
    }

    /// So many lower-case hex digits.
    pub fn hex(&mut self, length: usize) -> String {
        self.text("0123456789abcdef", length)
    }

    /// The tail of a generated physical id: `1A2B3C4D5E6F`.
    pub fn tail(&mut self) -> String {
        self.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 12)
    }

    /// A UUID, version 4 in form.
    pub fn uuid(&mut self) -> String {
        let parts = [self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12)];
        let [a, b, c, d, e] = parts;
        format!("{a}-{b}-4{c}-a{d}-{e}")
    }
}
