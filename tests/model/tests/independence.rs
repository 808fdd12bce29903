// SPDX-License-Identifier: GPL-2.0

//! The software channel is a reference for the translator only if it shares no code with it.

use std::{
    fs,
    path::Path, //
};

/// Returns the code of a file without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a file of the crate");
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_channel_uses_nothing_of_the_translator_or_of_the_other_modules() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = fs::read_dir(source.join("channel")).expect("the folder of the channel");
    let files = folder.map(|entry| entry.expect("an entry").path());

    for path in files.chain([source.join("channel.rs")]) {
        let code = code(&path);
        let outside = code.replace("crate::channel", "");
        for word in ["ccwchain", "crate::", "iommu_type1_stub"] {
            assert!(!outside.contains(word), "{} uses {word}", path.display());
        }
    }
}
