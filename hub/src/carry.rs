//! A journal as text: a line of JSON for each entry and one for its end, so that what was cut off is seen to be. Where the oldest part
//! was taken out, it begins with what stands for that.
//!
//! Not here: where it comes from and goes to.

use crate::{
    journal::{Broken, End, Entry, Line},
    store::{Left, Store, StoreError, recorded_in},
};
use fleet::cut::Cut;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::{
    io::{self, BufRead, Write},
    iter,
};

/// Why a journal can't be carried over.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The text could not be written.
    #[error("the output could not be written")]
    Text(#[from] io::Error),
    /// The text could not be read.
    #[error("the journal could not be read from standard input")]
    Input(#[source] io::Error),
    /// Something comes after its end.
    #[error("line {line} comes after the last one: that is another journal, or none")]
    After {
        /// Which, from 1.
        line: u64,
    },
    /// A line is no entry.
    #[error("line {line} is no entry of a journal")]
    Line {
        /// Which, from 1.
        line: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It ends without having said so.
    #[error("it ends after {entries} entries without its last line: the rest is missing")]
    Cut {
        /// How many came; all of them are kept.
        entries: u64,
    },
    /// It ends otherwise than it says.
    #[error("its last line says that it has {said} entries, and {found} came, or they are others")]
    End {
        /// How many it says that it has.
        said: u64,
        /// How many came.
        found: u64,
    },
}

/// Writes everything that the store has.
///
/// # Errors
/// When it can't be read, or is not what was received.
pub fn export(store: &Store, out: &mut impl Write) -> Result<End, CarryError> {
    let end = store.each_sound(|left| match left {
        Left::Cut(cut) => write(out, &Beginning { cut }),
        Left::Line(line) => write(out, &line),
        Left::Entry(entry) => write(out, &entry),
    })?;
    write(out, &end)?;
    out.flush()?;
    Ok(end)
}

fn write(out: &mut impl Write, line: &impl Serialize) -> Result<(), CarryError> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

/// Takes everything in that is written there. What the store has already may come again; what was taken in before something
/// went wrong stays.
///
/// # Errors
/// When it is not whole, was changed, or is another journal than the store's.
pub fn import(store: &mut Store, from: impl BufRead) -> Result<End, CarryError> {
    /// How many are written at once.
    const BATCH: usize = 1_000;
    let mut pieces = (1..).zip(from.split(b'\n')).filter_map(piece).peekable();
    let (mut batch, mut found, mut last) = (Vec::with_capacity(BATCH), End::NOTHING, None);
    let mut gap = None;
    if let Some(Ok((_, Piece::Beginning(Beginning { cut })))) =
        pieces.next_if(|piece| matches!(piece, Ok((_, Piece::Beginning(_)))))
    {
        let lines = iter::from_fn(|| pieces.next_if(|piece| matches!(piece, Ok((_, Piece::Line(_))) | Err(_))));
        let lines = lines.filter_map(|piece| match piece {
            Ok((_, Piece::Line(line))) => Some(Ok(line)),
            Ok((_, Piece::Beginning(_) | Piece::Entry(_) | Piece::Last(_))) => None,
            Err(error) => Some(Err(error)),
        });
        found = store.take_cut(&cut, lines)?;
        gap = Some(cut);
    }
    for piece in pieces {
        let (line, piece) = piece?;
        if last.is_some() {
            return Err(CarryError::After { line });
        }
        match piece {
            Piece::Entry(entry) => {
                // Also of what the store has already: another text under the same digest is another journal.
                found = found.after(&entry).map_err(StoreError::from)?;
                if gap.is_some() && recorded_in(&entry) == gap {
                    gap = None;
                }
                batch.push(entry);
                if batch.len() == BATCH {
                    store.take(&batch)?;
                    batch.clear();
                }
            }
            Piece::Last(end) => last = Some(end),
            Piece::Beginning(_) | Piece::Line(_) => return Err(CarryError::After { line }),
        }
    }
    store.take(&batch)?;
    match (last, gap) {
        (None, _) => Err(CarryError::Cut { entries: found.entries }),
        (Some(said), _) if said != found => Err(CarryError::End { said: said.entries, found: found.entries }),
        (Some(_), Some(cut)) => Err(StoreError::from(Broken::Gap { through: cut.through }).into()),
        (Some(_), None) => Ok(store.end()),
    }
}

/// What stands in a line that is not empty.
fn piece((line, text): (u64, io::Result<Vec<u8>>)) -> Option<Result<(u64, Piece), CarryError>> {
    let text = match text {
        Ok(text) if text.trim_ascii().is_empty() => return None,
        Ok(text) => text,
        Err(error) => return Some(Err(CarryError::Input(error))),
    };
    Some(read(&text).map(|piece| (line, piece)).map_err(|source| CarryError::Line { line, source }))
}

/// The first line of a journal whose oldest part was taken out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning {
    cut: Cut,
}

/// A line.
enum Piece {
    Beginning(Beginning),
    Line(Line),
    Entry(Entry),
    Last(End),
}

/// What stands in a line. Which of them it is meant to be is told by its fields, so that what is wrong with it can be said.
fn read(text: &[u8]) -> Result<Piece, serde_json::Error> {
    #[derive(Deserialize)]
    struct Kind {
        cut: Option<IgnoredAny>,
        carried: Option<IgnoredAny>,
        entries: Option<IgnoredAny>,
    }
    let Kind { cut, carried, entries } = serde_json::from_slice(text)?;
    match (cut, carried, entries) {
        (Some(_), _, _) => serde_json::from_slice(text).map(Piece::Beginning),
        (None, Some(_), _) => serde_json::from_slice(text).map(Piece::Line),
        (None, None, Some(_)) => serde_json::from_slice(text).map(Piece::Last),
        (None, None, None) => serde_json::from_slice(text).map(Piece::Entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::tests::at,
        keep::Keep,
        store::tests::spot::{Spot, on_each},
    };
    use manifests::id::Digest;

    /// What a store of these texts exports.
    fn exported(spot: &Spot, bodies: &[&str]) -> String {
        let mut store = spot.write("source");
        store.keep(bodies, at(1)).unwrap();
        let mut out = Vec::new();
        assert_eq!(export(&store, &mut out).unwrap(), store.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_exported_is_what_is_imported_again_and_again() {
        on_each(|spot| {
            let text = exported(spot, &["{\"a\": 1}", "two\nlines", "\u{0}\u{202e}"]);
            assert_eq!(text.lines().count(), 4);
            // From one kind of store to the other, and back.
            on_each(|other| {
                let mut copy = other.write("copy");
                for _ in 0..2 {
                    import(&mut copy, (text.clone() + "\n\n").as_bytes()).unwrap();
                }
                let mut again = Vec::new();
                let end = export(&copy, &mut again).unwrap();
                assert_eq!((String::from_utf8(again).unwrap(), copy.verify(None).unwrap()), (text.clone(), end));
            });
            let empty = "{\"entries\":0,\"chain\":\"".to_owned() + &Digest([0; 32]).to_string() + "\"}\n";
            assert_eq!(import(&mut spot.write("empty"), empty.as_bytes()).unwrap(), End::NOTHING);
        });
    }

    #[test]
    fn a_text_that_was_cut_off_or_changed_says_where() {
        on_each(is_found_out);
    }

    fn is_found_out(spot: &Spot) {
        let text = exported(spot, &["one", "two", "three"]);
        let lines: Vec<&str> = text.lines().collect();
        let mut number = 0;
        let mut check = |text: String, words: &str| {
            number += 1;
            let error = import(&mut spot.write(&format!("copy{number}")), text.as_bytes()).unwrap_err();
            let error = crate::chain(&error);
            assert!(error.contains(words), "{error}");
        };
        check(String::new(), "it ends after 0 entries");
        check(lines[..2].join("\n"), "it ends after 2 entries");
        check(lines[..1].join("\n") + "\n{\"n\": 2", "line 2 is no entry");
        check([lines[0], lines[2], lines[3]].join("\n"), "entry 2 should come next, and it is 3");
        check(text.replace("two", "zwei"), "entry 2 does not follow");
        check([lines[0], lines[1], lines[3]].join("\n"), "says that it has 3 entries, and 2 came");
        check("hello\n".into(), "line 1 is no entry");
        check(text.clone() + lines[0], "line 5 comes after the last one");
        check(lines[0].replace("\"n\":1", "\"n\":-1"), "invalid value");
        check(lines[0].replace("\"n\":1", "\"n\":1,\"n\":1"), "duplicate field `n`");
        check(lines[0].replace(".001Z", ".001999Z"), "parts of a millisecond");
    }
}
