// SPDX-License-Identifier: GPL-2.0

//! Reads from ECKD disks. No command is sent that changes the disk.
//!
//! GA32-0274, "IBM 3990 Storage Control Reference".

use std::time::Duration;

use ccwchain::scsw::DeviceStatus;

use crate::{
    channel::Channel,
    device_data,
    device_kind::{
        command_name,
        DeviceKind, //
    },
    error::Result,
    outcome::Outcome,
    program::Program,
    reader::{
        self,
        Reader,
        SENSE_ID, //
    }, //
};

pub mod label;
pub mod track;

/// The most bytes that one CCW can read. No track of a disk has more.
const MOST: usize = 0xffff;

/// The answer of a disk to a program that reads.
pub type Answer<T> = Result<std::result::Result<T, String>>;

/// The reason why a disk has not given data.
struct Fault {
    is_unit_check: bool,
    what: String,
}

/// A disk that was opened.
pub struct Disk(Reader);

/// Returns the cylinder and the head of a track as the commands of a disk have them: a large
/// number of a cylinder has its first 12 bits before the head.
fn address(cylinder: u32, head: u8) -> String {
    let head = cylinder >> 16 << 4 | u32::from(head);
    format!("{:04x} {head:04x}", cylinder & 0xffff)
}

/// Returns the parameters of DEFINE EXTENT for one track that must not be written, and of LOCATE
/// RECORD with an operation on one record of it.
fn located(operation: u8, cylinder: u32, head: u8, record: u8) -> String {
    let track = address(cylinder, head);
    format!(
        "area extent at 0x20000 X'40C0 0000 0000 0000 {track} {track}'\n\
         area locate at 0x20010 X'{operation:02x}00 0001 {track} {track} {record:02x} FF 0000'\n"
    )
}

impl Disk {
    /// Takes an open device, whose answers come within `timeout` each.
    pub fn new(channel: Channel, timeout: Duration) -> Self {
        Self(Reader::new(channel, timeout))
    }

    /// Reads the answer to SENSE ID.
    pub fn sense_id(&mut self) -> Answer<Vec<u8>> {
        self.read(SENSE_ID)
    }

    /// Reads the device characteristics.
    pub fn characteristics(&mut self) -> Answer<Vec<u8>> {
        self.read("area data at 0x30000 size 64\nccw rdc,data,sli")
    }

    /// Reads configuration data with the command that the answer to SENSE ID names.
    pub fn configuration(&mut self, command: u8, count: u16) -> Answer<Vec<u8>> {
        self.read(&format!(
            "area data at 0x30000 size {count}\nccw {command},data,sli"
        ))
    }

    /// Reads the data of record 3 of the first track, the volume label.
    pub fn label(&mut self) -> Answer<Vec<u8>> {
        const READ_DATA: u8 = 0x06;
        self.read(&format!(
            "{}area data at 0x30000 size {}\n\
             ccw extent,extent,cc\nccw locate,locate,cc\nccw readdata,data,sli",
            located(READ_DATA, 0, 0, 3),
            label::SIZE,
        ))
    }

    /// Reads all records of a track, with record 0: see [`track::records`].
    pub fn track(&mut self, cylinder: u32, head: u8) -> Answer<Vec<u8>> {
        // The orientation is the home address, where a track begins.
        const READ_TRACKS: u8 = 0x4c;
        const READ_TRACK: u8 = 0xde;
        self.read(&format!(
            "{}area data at 0x30000 size {MOST}\n\
             ccw extent,extent,cc\nccw locate,locate,cc\nccw {READ_TRACK},idal(data),sli",
            located(READ_TRACKS, cylinder, head, 0),
        ))
    }

    /// Runs a program that reads the area `data` with its last CCW. Returns the bytes that it has
    /// read, or why the disk has not given them.
    fn read(&mut self, text: &str) -> Answer<Vec<u8>> {
        let program = assemble(text);
        let answer = match self.try_read(&program)? {
            // The first program after a reset of the disk ends with a unit check that tells of it.
            Err(Fault {
                is_unit_check: true,
                ..
            }) => self.try_read(&program)?,
            answer => answer,
        };
        Ok(answer.map_err(|fault| fault.what))
    }

    fn try_read(&mut self, program: &Program) -> Result<std::result::Result<Vec<u8>, Fault>> {
        let (outcome, data) = self.0.run(program)?;
        let mut fault = Fault {
            is_unit_check: false,
            what: outcome.summary(),
        };
        let Outcome::Ended(irb) = outcome else {
            return Ok(Err(fault));
        };
        let scsw = irb.scsw();
        let good = DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END);
        if scsw.cc() == 0 && scsw.device_status() == good && scsw.subchannel_status().is_empty() {
            let len = data.len().saturating_sub(usize::from(scsw.count()));
            return Ok(Ok(data[..len].to_vec()));
        }
        let mut ccws = program.ccws.iter();
        if let Some(ccw) = ccws.find(|ccw| ccw.address.checked_add(8) == Some(scsw.cpa())) {
            let name = command_name(program.kind, ccw.ccw.command);
            fault.what.insert_str(0, &format!("{name}: "));
        }
        if scsw.device_status().contains(DeviceStatus::UNIT_CHECK) {
            fault.is_unit_check = true;
            let (_, sense) = self.0.sense()?;
            let sense = device_data::disk_sense(&sense);
            fault.what.push_str(&format!("; {sense}"));
        }
        Ok(Err(fault))
    }
}

/// Assembles one of the programs above, all of which are for disks.
fn assemble(text: &str) -> Program {
    let mut program = reader::assemble("a program on the disk", text);
    program.kind = Some(DeviceKind::Disk);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_cylinder_has_its_first_bits_before_the_head() {
        assert_eq!(address(0x1234, 14), "1234 000e");
        assert_eq!(address(0x1_2345, 14), "2345 001e");
        assert_eq!(address(262_667, 0), "020b 0040");
    }

    #[test]
    fn programs_are_as_long_as_the_commands_want_them() {
        let program = assemble(&format!("{}ccw locate,locate", located(6, 1, 2, 3)));
        let part = |name: &str| {
            let mut chunks = program.chunks.iter();
            chunks
                .find(|chunk| chunk.name == name)
                .unwrap()
                .bytes
                .clone()
        };
        assert_eq!(
            part("extent"),
            [0x40, 0xc0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 0, 2]
        );
        assert_eq!(
            part("locate"),
            [6, 0, 0, 1, 0, 1, 0, 2, 0, 1, 0, 2, 3, 0xff, 0, 0]
        );
        assert_eq!(program.kind, Some(DeviceKind::Disk));
    }
}
