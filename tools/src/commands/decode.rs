// SPDX-License-Identifier: GPL-2.0

//! `ccw decode`: what bytes mean.

use std::io::{
    self,
    Read, //
};

use ccw::{
    decode,
    device_data::DataFormat,
    error::Error, //
};
use ccwchain::{
    ccw::{
        Ccw,
        Format, //
    },
    irb::{
        self,
        Irb, //
    },
    orb::Orb,
    scsw::Scsw, //
};

use crate::{
    usage,
    Failure, //
};

pub(crate) fn decode(kind: &str, arguments: &[String]) -> Result<(), Failure> {
    let mut text = arguments.concat();
    if arguments.is_empty() {
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|source| Error::io("cannot read the bytes from stdin", source))?;
    }
    let bytes = bytes(&text)?;
    match kind {
        "orb" => print_each(&bytes, |bytes| {
            format!("ORB   {}\n", decode::orb(Orb::from_bytes(bytes)))
        }),
        "ccw0" => print_each(&bytes, |&bytes| ccw(Format::Zero, bytes)),
        "ccw1" => print_each(&bytes, |&bytes| ccw(Format::One, bytes)),
        "scsw" => print_each(&bytes, |bytes| decode::scsw(Scsw::from_bytes(bytes), "")),
        "irb" => print_each(&padded(&bytes), |bytes| {
            decode::irb(&Irb::from_bytes(bytes), "")
        }),
        _ => match DataFormat::of_name(kind) {
            Some(kind) => {
                println!("{}", kind.decode(&bytes).join("\n"));
                Ok(())
            }
            None => usage(format!(
                "{kind:?} is none of orb, ccw0, ccw1, scsw, irb, sense, senseid, characteristics, configuration"
            )),
        },
    }
}

/// Hexadecimal digits, with blanks, colons and 0x wherever they are.
fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let text = text.replace("0x", "").replace([':', '_', ','], " ");
    let digits: Vec<char> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .collect();
    if let Some(bad) = digits.iter().find(|digit| !digit.is_ascii_hexdigit()) {
        return usage(format!("{bad:?} is not a hexadecimal digit"));
    }
    if digits.is_empty() || digits.len() % 2 != 0 {
        return usage(format!("{} hexadecimal digits are not bytes", digits.len()));
    }
    let byte = |pair: &[char]| {
        let digits: String = pair.iter().collect();
        u8::from_str_radix(&digits, 16).unwrap_or(0)
    };
    Ok(digits.chunks(2).map(byte).collect())
}

/// An IRB without its last words is one whose last words are zero.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if (12..irb::SIZE).contains(&bytes.len()) {
        bytes.resize(irb::SIZE, 0);
    }
    bytes
}

fn ccw(format: Format, bytes: [u8; 8]) -> String {
    let ccw = Ccw::parse(format, bytes);
    format!(
        "CCW   {}  address {:08x}\n",
        decode::ccw(&ccw, format),
        ccw.address
    )
}

/// Shows bytes, so many at a time.
fn print_each<const N: usize>(
    bytes: &[u8],
    show: impl Fn(&[u8; N]) -> String,
) -> Result<(), Failure> {
    if bytes.len() % N != 0 {
        return usage(format!("{} bytes are given; {N} are one", bytes.len()));
    }
    for part in bytes.chunks_exact(N) {
        let mut one = [0; N];
        one.copy_from_slice(part);
        print!("{}", show(&one));
    }
    Ok(())
}
