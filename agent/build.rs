//! How the program that ships is linked: functions that came out the same are there once.
//!
//! Of an agent that rests, most of the memory is pages of its own file, so what is folded is saved twice. Only for
//! releases and only where rustc brings the linker that can do it (lld, on x86_64 Linux); elsewhere nothing changes.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bin=holdfast=-Wl,--icf=all");
    }
}
