//! The report's envelope, as a hub reads it from whoever may send: an event or a reason, and what was read reads again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use manifests::report::read;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = read(bytes) {
        let text = serde_json::to_vec(&event).expect("an event is JSON");
        assert_eq!(read(&text).expect("what was read reads again"), event);
    }
});
