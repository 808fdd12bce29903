// SPDX-License-Identifier: GPL-2.0

//! `ccw decode`: the meaning of bytes.

use std::io::{
    self,
    Read, //
};

use ccw::{
    decode,
    device_data::DataFormat,
    device_kind::DeviceKind,
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

use clap::ArgMatches;

use crate::{
    cli::{
        required,
        texts, //
    },
    failure::Failure, //
};

pub(crate) fn decode(matches: &ArgMatches) -> Result<(), Failure> {
    let hex = texts(matches, "HEX");
    let is_given = hex.len() != 0;
    let mut text: String = hex.map(String::as_str).collect();
    if !is_given {
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|source| Error::io("cannot read the bytes from standard input", source))?;
    }
    let bytes = bytes(&text)?;
    let kind = matches.get_one("device").copied();
    match required::<String>(matches, "FORMAT").as_str() {
        "orb" => print_each(&bytes, |bytes| {
            format!("ORB   {}\n", decode::orb(Orb::from_bytes(bytes)))
        }),
        "ccw0" => print_each(&bytes, |&bytes| ccw(Format::Zero, kind, bytes)),
        "ccw1" => print_each(&bytes, |&bytes| ccw(Format::One, kind, bytes)),
        "scsw" => print_each(&bytes, |bytes| decode::scsw(Scsw::from_bytes(bytes), "")),
        "irb" => print_each(&padded(&bytes), |bytes| {
            decode::irb(&Irb::from_bytes(bytes), "")
        }),
        name => {
            let format = DataFormat::of_name(name);
            let format = format.unwrap_or_else(|| unreachable!("{name} is not a format"));
            println!("{}", format.decode(&bytes).join("\n"));
            Ok(())
        }
    }
}

fn usage<T>(what: String) -> Result<T, Failure> {
    Err(Failure::Usage(what))
}

/// Reads hexadecimal digits. Blanks, colons, commas, underscores and 0x among them do not count.
fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let text = text.replace("0x", "").replace([':', '_', ','], " ");
    let digits: Vec<char> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .collect();
    if let Some(bad) = digits.iter().find(|digit| !digit.is_ascii_hexdigit()) {
        return usage(format!(
            "{bad:?} is not a hexadecimal digit; give bytes such as E4200100"
        ));
    }
    if digits.is_empty() || digits.len() % 2 != 0 {
        let len = digits.len();
        return usage(format!(
            "{len} hexadecimal digits are not whole bytes; give two for each byte"
        ));
    }
    let byte = |pair: &[char]| {
        let digits: String = pair.iter().collect();
        u8::from_str_radix(&digits, 16).unwrap_or(0)
    };
    Ok(digits.chunks(2).map(byte).collect())
}

/// Completes an IRB that lacks its last words with zeros.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if (12..irb::SIZE).contains(&bytes.len()) {
        bytes.resize(irb::SIZE, 0);
    }
    bytes
}

fn ccw(format: Format, kind: Option<DeviceKind>, bytes: [u8; 8]) -> String {
    let ccw = Ccw::parse(format, bytes);
    format!(
        "CCW   {}  address {:08x}\n",
        decode::ccw(&ccw, format, kind),
        ccw.address
    )
}

/// Prints bytes, `N` at a time.
fn print_each<const N: usize>(
    bytes: &[u8],
    show: impl Fn(&[u8; N]) -> String,
) -> Result<(), Failure> {
    if bytes.len() % N != 0 {
        return usage(format!(
            "{} bytes are not a multiple of {N}, the size of this format",
            bytes.len()
        ));
    }
    for part in bytes.chunks_exact(N) {
        let mut one = [0; N];
        one.copy_from_slice(part);
        print!("{}", show(&one));
    }
    Ok(())
}
