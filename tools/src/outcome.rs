// SPDX-License-Identifier: GPL-2.0

//! Outcomes of programs, and how they differ from what is expected.

use std::fmt::Display;

use ccwchain::irb::Irb;

use crate::{
    decode,
    guest::GuestMemory,
    program::{
        errno_name,
        Ending,
        Expected, //
    }, //
};

/// The outcome of a program.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The driver refused to start the program, with this error number.
    Refused(i32),
    /// The program ended with this status.
    Ended(Irb),
    /// No status came in time.
    Nothing,
}

impl Outcome {
    /// Returns the outcome in a few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Refused(errno) => format!("refused: {}", error(*errno)),
            Self::Ended(irb) => decode::summary(irb),
            Self::Nothing => "no status".to_owned(),
        }
    }

    /// Returns the differences from the expected ending.
    pub fn faults(&self, expected: &Ending) -> Vec<String> {
        let mut faults = Faults(Vec::new());
        match (self, expected) {
            (Self::Nothing, _) => faults.add("the program did not end in time".to_owned()),
            (Self::Refused(is), Ending::Refused(errno)) => {
                faults.compare("error", error(*is), error(*errno));
            }
            (Self::Refused(errno), Ending::Status { .. }) => {
                faults.add(format!("the program was refused with {}", error(*errno)));
            }
            (Self::Ended(_), Ending::Refused(errno)) => {
                faults.add(format!(
                    "the program was not refused with {}",
                    error(*errno)
                ));
            }
            (Self::Ended(irb), Ending::Status { .. }) => faults.compare_status(irb, expected),
        }
        faults.0
    }
}

/// Returns the differences of guest memory from the expected data.
pub fn data_faults(expected: &Expected, guest: &GuestMemory) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    for (part, bytes) in &expected.data {
        let there = guest.read(part.address, bytes.len());
        if let Some(i) = there.iter().zip(bytes).position(|(is, want)| is != want) {
            let what = format!("byte {i} of {}", part.name);
            faults.compare(&what, hex(&there[i..=i]), hex(&bytes[i..=i]));
        }
    }
    faults.0
}

fn error(errno: i32) -> String {
    errno_name(errno).map_or_else(|| format!("error {errno}"), str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: String) {
        self.0.push(fault);
    }

    fn compare<T: PartialEq + Display>(&mut self, what: &str, is: T, expected: T) {
        if is != expected {
            self.add(format!("{what}: expected {expected}, is {is}"));
        }
    }

    fn compare_status(&mut self, irb: &Irb, expected: &Ending) {
        let Ending::Status {
            cc,
            device,
            subchannel,
            residual,
            cpa,
            sense,
        } = expected
        else {
            return;
        };
        let scsw = irb.scsw();
        self.compare("deferred condition code", scsw.cc(), *cc);
        self.compare("device status", scsw.device_status(), *device);
        self.compare("subchannel status", scsw.subchannel_status(), *subchannel);
        if let Some(residual) = *residual {
            self.compare("residual count", scsw.count(), residual);
        }
        if let Some(cpa) = *cpa {
            let [is, expected] = [scsw.cpa(), cpa].map(|address| hex(&address.to_be_bytes()));
            self.compare("channel-program address", is, expected);
        }
        if let Some(sense) = sense {
            let there = irb.sense().unwrap_or(&[]);
            let there = there.get(..sense.len()).unwrap_or(there);
            self.compare("sense bytes", hex(there), hex(sense));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ccwchain::scsw::{
        DeviceStatus,
        Scsw,
        SubchannelStatus, //
    };

    fn irb(words: [u32; 3]) -> Irb {
        let mut irb = Irb::default();
        irb.set_scsw(Scsw::from_words(words));
        irb
    }

    fn normal_end() -> Ending {
        Ending::Status {
            cc: 0,
            device: DeviceStatus::from_bits(0x0c),
            subchannel: SubchannelStatus::empty(),
            residual: Some(4),
            cpa: Some(0x1_0008),
            sense: None,
        }
    }

    #[test]
    fn status_as_expected_has_no_faults() {
        let outcome = Outcome::Ended(irb([0x0080_4007, 0x1_0008, 0x0c00_0004]));
        assert_eq!(outcome.faults(&normal_end()), [""; 0]);
        assert_eq!(outcome.summary(), "channel end|device end");
    }

    #[test]
    fn each_difference_is_a_fault() {
        let outcome = Outcome::Ended(irb([0x0380_4017, 0x1_0010, 0x0220_0000]));
        assert_eq!(
            outcome.faults(&normal_end()),
            [
                "deferred condition code: expected 0, is 3",
                "device status: expected channel end|device end, is unit check",
                "subchannel status: expected -, is program check",
                "residual count: expected 4, is 0",
                "channel-program address: expected 00010008, is 00010010",
            ]
        );
    }

    #[test]
    fn a_refusal_is_compared_by_its_error() {
        let refused = Outcome::Refused(libc::EINVAL);
        assert_eq!(refused.faults(&Ending::Refused(libc::EINVAL)), [""; 0]);
        assert_eq!(
            refused.faults(&Ending::Refused(libc::EBUSY)),
            ["error: expected EBUSY, is EINVAL"]
        );
        assert_eq!(
            refused.faults(&normal_end()),
            ["the program was refused with EINVAL"]
        );
        assert_eq!(
            Outcome::Ended(irb([0; 3])).faults(&Ending::Refused(libc::EBUSY)),
            ["the program was not refused with EBUSY"]
        );
        assert_eq!(Outcome::Nothing.faults(&normal_end()).len(), 1);
    }
}
