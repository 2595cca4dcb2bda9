//! Whether a program runs on any Linux of its processor: an ELF file of 64 bits that asks for no loader and no library.
//!
//! Not here: anything else of the file. What it does when it runs is for whoever runs it.

use super::target::Machine;

/// Why a program can't be shipped.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotStatic {
    #[error("it is no ELF file of 64 bits, or not a whole one")]
    Foreign,
    #[error("it is for another processor (ELF calls it {found}; {wanted} was asked for)")]
    Machine { found: u16, wanted: u16 },
    #[error("it is not static: it asks for the loader {0}")]
    Loader(String),
}

/// The kind of segment that names a loader.
const INTERPRETER: u32 = 3;

/// Sees to it that the bytes are a static program for this processor.
pub(crate) fn check(bytes: &[u8], machine: Machine) -> Result<(), NotStatic> {
    let is_ours = bytes.starts_with(b"\x7fELF\x02\x01");
    let found = half(bytes, 18).filter(|_| is_ours).ok_or(NotStatic::Foreign)?;
    if found != machine.elf() {
        return Err(NotStatic::Machine { found, wanted: machine.elf() });
    }
    let headers = || Some((at(bytes, 32)?, half(bytes, 54)?, half(bytes, 56)?));
    let (begin, size, count) = headers().ok_or(NotStatic::Foreign)?;
    for index in 0..usize::from(count) {
        let header = begin.saturating_add(index * usize::from(size));
        let kind = bytes.get(header..).and_then(|rest| rest.first_chunk()).copied().map(u32::from_le_bytes);
        if kind.ok_or(NotStatic::Foreign)? == INTERPRETER {
            return Err(NotStatic::Loader(loader(bytes, header).unwrap_or_default()));
        }
    }
    Ok(())
}

fn loader(bytes: &[u8], header: usize) -> Option<String> {
    let (begin, length) = (at(bytes, header + 8)?, at(bytes, header + 32)?);
    let name = bytes.get(begin..begin.checked_add(length)?)?;
    Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file with one segment.
    fn program(kind: u32) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64 + 56, 0);
        bytes[18..20].copy_from_slice(&62_u16.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes[72] = 120;
        bytes[96] = 8;
        bytes.extend(b"/lib/ld\0");
        bytes
    }

    #[test]
    fn a_program_that_needs_a_loader_is_refused_with_its_name() {
        assert_eq!(check(&program(1), Machine::X86), Ok(()));
        assert_eq!(check(&program(3), Machine::X86), Err(NotStatic::Loader("/lib/ld".into())));
        assert_eq!(check(&program(1), Machine::Arm), Err(NotStatic::Machine { found: 62, wanted: 183 }));
    }

    #[test]
    fn a_part_of_a_program_is_none() {
        let whole = program(1);
        for length in 0..68 {
            assert_eq!(check(&whole[..length], Machine::X86), Err(NotStatic::Foreign), "{length}");
        }
        // The test itself is a program of this machine, and not a static one.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let machine = if cfg!(target_arch = "x86_64") { Machine::X86 } else { Machine::Arm };
        assert!(matches!(check(&own, machine), Err(NotStatic::Loader(loader)) if loader.starts_with("/lib")));
    }
}
