//! `make fuzz`: libFuzzer at what ingest is sent. The seeds go to the folder that `SEEDS` names.

#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "what ends the process is what is found")]

use std::{env, fs, path::Path};

use libfuzzer_sys::fuzz_target;
use waybill_fuzz::{check, seeds};

fn write_seeds() {
    let Some(folder) = env::var_os("SEEDS") else { return };
    for (number, seed) in seeds().iter().enumerate() {
        let file = Path::new(&folder).join(format!("seed-{number:03}"));
        fs::write(file, &seed.bytes).expect("the seeds can be written");
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    if let Err(broken) = check(bytes) {
        panic!("{broken:#}");
    }
});
