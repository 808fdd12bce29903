// SPDX-License-Identifier: GPL-2.0

//! The programs that are measured. SENSE ID stores into areas whose names begin with d: a virtio
//! subchannel accepts any count.

use std::{
    fmt::Write,
    io, //
};

use ccw::program::{
    self,
    Program, //
};

const PAGE: usize = 0x1000;
/// The address of the first data.
const DATA: usize = 0x10_0000;

/// Reads a program.
pub(crate) fn program(text: &str) -> Result<Program, String> {
    let no_files = |_: &str| Err(io::ErrorKind::NotFound.into());
    let programs = program::read("bench", &format!("program bench\n{text}"), &no_files);
    let mut programs = programs.map_err(|error| error.to_string())?;
    programs.pop().ok_or_else(|| "no program".to_owned())
}

/// Returns the texts of all shapes, with their names.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    vec![
        ("1", no_operations(1)),
        (
            "2",
            "area d at 0x100000 size 256\nccw senseid,d,sli".to_owned(),
        ),
        (
            "3",
            chain(16, |number| Data::direct(DATA + number * PAGE, PAGE)),
        ),
        ("4", chain(64, two_pages)),
        ("5", chain(200, two_pages)),
        ("6", list(&[(DATA, 15 * PAGE)])),
        ("7", list(&scattered())),
        ("8", format_0()),
        ("N", no_operations(200)),
    ]
}

/// The data of a CCW.
struct Data {
    address: usize,
    size: usize,
    has_list: bool,
}

impl Data {
    fn direct(address: usize, size: usize) -> Self {
        Self {
            address,
            size,
            has_list: false,
        }
    }
}

/// Returns a page of data that lies in two pages: a list of two IDAWs.
fn two_pages(number: usize) -> Data {
    Data {
        address: DATA + number * 2 * PAGE + 0xf80,
        size: PAGE,
        has_list: true,
    }
}

/// Removes chaining from the last CCW.
fn end_chain(mut text: String) -> String {
    let last = text.rfind("cc|sli").map(|at| at..at + "cc|sli".len());
    if let Some(last) = last {
        text.replace_range(last, "sli");
    }
    text
}

/// Returns `count` CCWs that store.
fn chain(count: usize, data: impl Fn(usize) -> Data) -> String {
    let mut text = String::new();
    for number in 0..count {
        let Data {
            address,
            size,
            has_list,
        } = data(number);
        let operand = match has_list {
            true => format!("idal(d{number})"),
            false => format!("d{number}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "area d{number} at {address:#x} size {size}\nccw senseid,{operand},cc|sli"
        );
    }
    end_chain(text)
}

fn no_operations(count: usize) -> String {
    end_chain("ccw nop,,cc|sli\n".repeat(count))
}

/// Returns one CCW with a list of IDAWs for these addresses and sizes.
fn list(places: &[(usize, usize)]) -> String {
    let mut text = String::new();
    let mut operands = Vec::new();
    for (number, (address, size)) in places.iter().enumerate() {
        let name = if number == 0 {
            "d0".to_owned()
        } else {
            format!("more{number}")
        };
        let _ = writeln!(text, "area {name} at {address:#x} size {size}");
        operands.push(name);
    }
    let operands = operands.join(",");
    text + &format!("ccw senseid,idal({operands}),sli\n")
}

fn scattered() -> Vec<(usize, usize)> {
    (0..15)
        .map(|number| (DATA + number * 3 * PAGE, PAGE))
        .collect()
}

fn format_0() -> String {
    let direct = |number| Data::direct(DATA + number * PAGE + 0x100, 256);
    format!("orb format=0\n{}", chain(8, direct))
}
