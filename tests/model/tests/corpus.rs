// SPDX-License-Identifier: GPL-2.0

//! Runs the fuzz targets on their corpora.

use std::{
    fs,
    path::Path, //
};

/// Calls a fuzz target with every file of its corpus.
fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus cannot be read") {
        let path = entry.expect("the corpus cannot be read").path();
        println!("{}", path.display());
        run(&fs::read(&path).expect("a file of the corpus cannot be read"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", corpus.display());
}

#[test]
fn agreement() {
    replay("agreement", model::fuzz::agreement::run);
}

#[test]
fn formats() {
    replay("formats", model::fuzz::formats::run);
}

#[test]
fn translate() {
    replay("translate", model::fuzz::translate::run);
}

#[test]
fn wait_points() {
    replay("wait_points", model::fuzz::wait_points::run);
}

#[test]
fn write_back() {
    replay("write_back", model::fuzz::write_back::run);
}
