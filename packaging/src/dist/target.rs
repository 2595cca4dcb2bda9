//! What a package is for: cargo's name of it, and what the others call the same processor.

use std::str::FromStr;

/// A Linux that packages can be made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As cargo and rustc call it: `x86_64-unknown-linux-gnu`.
    pub(crate) triple: String,
    /// The processor.
    pub(crate) machine: Machine,
}

/// A processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Intel's and AMD's.
    X86,
    /// Graviton's.
    Arm,
}

impl Machine {
    /// As Rust, uname and Lambda's console have it; Lambda's API says `arm64` for the second.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }

    /// As Debian and OCI have it.
    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::X86 => "amd64",
            Self::Arm => "arm64",
        }
    }

    /// The number that an ELF file says (`e_machine`).
    pub(crate) const fn elf(self) -> u16 {
        match self {
            Self::X86 => 62,
            Self::Arm => 183,
        }
    }
}

impl Target {
    /// Whether its C library is glibc, which takes names from shared libraries unless it is told not to.
    pub(crate) fn is_glibc(&self) -> bool {
        self.triple.ends_with("-gnu")
    }

    /// As a part of a variable's name: `x86_64_unknown_linux_gnu`.
    pub(crate) fn variable(&self) -> String {
        self.triple.replace('-', "_")
    }
}

impl Default for Target {
    fn default() -> Self {
        Self { triple: "x86_64-unknown-linux-gnu".into(), machine: Machine::X86 }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let machine = match text.split_once("-unknown-linux-") {
            Some(("x86_64", "gnu" | "musl")) => Machine::X86,
            Some(("aarch64", "gnu" | "musl")) => Machine::Arm,
            Some(_) | None => {
                return Err(format!(
                    "there are no packages for `{text}`, only for x86_64 and aarch64, `-unknown-linux-gnu` or `-musl`"
                ));
            }
        };
        Ok(Self { triple: text.to_owned(), machine })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_packages_is_refused_by_name() {
        assert_eq!("x86_64-unknown-linux-gnu".parse(), Ok(Target::default()));
        assert_eq!("aarch64-unknown-linux-musl".parse::<Target>().unwrap().machine, Machine::Arm);
        for text in
            ["", "x86_64", "x86_64-unknown-linux-gnux32", "riscv64gc-unknown-linux-gnu", "x86_64-pc-windows-msvc"]
        {
            assert!(text.parse::<Target>().unwrap_err().contains(&format!("`{text}`")), "{text}");
        }
    }
}
