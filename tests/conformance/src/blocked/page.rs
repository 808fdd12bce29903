// SPDX-License-Identifier: GPL-2.0

//! A thread that waits for a page.

use std::{
    fs::File,
    io,
    os::{
        fd::AsFd,
        unix::fs::FileExt, //
    },
    sync::{
        mpsc,
        Arc, //
    },
    thread, //
};

use ccw::{
    channel::{
        request,
        Channel,
        IO_REGION_SIZE,
        IRB_OFFSET, //
    },
    guest::GuestMemory,
    program::Program,
    sys::{
        userfault::{
            self,
            Userfault, //
        },
        Memory,
        PAGE_SIZE, //
    },
    vfio::{
        Access,
        Backend, //
    }, //
};
use ccwchain::{
    irb,
    scsw::FunctionControl, //
};

use crate::fixtures::*;

/// The page that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The page of the CCWs.
    Program,
    /// The page of the data.
    Data,
    /// The page that region 0 is written from.
    Request,
    /// The page that the status is read to.
    Status,
}

use Missing::*;

impl Missing {
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("program", Program),
        ("data", Data),
        ("request", Request),
        ("status", Status),
    ];

    /// Returns the word for it in the arguments of a process.
    pub(super) fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, missing)| *missing == self)
            .map_or("", |(word, _)| word)
    }
}

/// The address of the thread's program.
const CCWS: u64 = 0x1_0000;
/// The address of its data.
const DATA: u64 = 0x2_0000;

/// A thread that waits for a page.
pub(super) struct Blocked {
    missing: Missing,
    fault: Userfault,
    memory: Arc<Memory>,
    result: mpsc::Receiver<io::Result<usize>>,
    /// The program that it starts, if it starts one.
    pub(super) program: Program,
    guest: GuestMemory,
    /// The KiB that were pinned before.
    pinned: u64,
}

impl Blocked {
    /// Starts a thread that waits for a page.
    pub(super) fn on(channel: &mut Channel, missing: Missing) -> TestResult<Self> {
        if missing == Data && channel.device().backend() == Backend::Container {
            return Err(skip("type1 does not wait for a page that it pins"));
        }
        let pinned = pinned()?;
        let mut fault = Userfault::new()
            .map_err(|error| skip(format!("userfaultfd does not work: {error}")))?;
        let memory = Arc::new(Memory::anonymous(PAGE_SIZE as usize)?);
        fault.hold(&memory)?;

        let text = match missing {
            Data => "area id at 0x20000 size 256 unmapped\nccw senseid,id,sli",
            _ => "area id at 0x20000 size 256\nccw senseid,id,sli",
        };
        let program = program(text)?;
        let guest = match missing {
            // The thread's CCWs are at another address than those that other programs use.
            Program => GuestMemory::default(),
            _ => map(channel, &program)?,
        };
        let device = channel.device_mut();
        match missing {
            Program => device.map(CCWS, &memory, Access::ReadWrite)?,
            Data => device.map(DATA, &memory, Access::ReadWrite)?,
            Request | Status => {}
        }

        let file = File::from(device.file().try_clone_to_owned()?);
        let (done, result) = mpsc::channel();
        let region = request(program.orb, FunctionControl::START);
        let page = Arc::clone(&memory);
        thread::spawn(move || {
            let result = match missing {
                Program | Data => file.write_at(&region, 0),
                Request => userfault::pwrite_from(file.as_fd(), &page, IO_REGION_SIZE, 0),
                Status => {
                    let offset = i64::try_from(IRB_OFFSET).unwrap_or(0);
                    userfault::pread_to(file.as_fd(), &page, irb::SIZE, offset)
                }
            };
            // The file must be closed before the result is sent, even if nobody waits for it any
            // more.
            drop(file);
            let _ = done.send(result);
        });

        if !fault.wait(TIMEOUT)? {
            let word = missing.word();
            return Err(format!("nobody asks for the {word}: {:?}", result.try_recv()).into());
        }
        Ok(Self {
            missing,
            fault,
            memory,
            result,
            program,
            guest,
            pinned,
        })
    }

    fn is_blocked(&self) -> bool {
        matches!(self.result.try_recv(), Err(mpsc::TryRecvError::Empty))
    }

    pub(super) fn check_blocked(&self) -> TestResult {
        check(self.is_blocked(), "the thread has not waited")
    }

    /// Serves the page; returns the result of the thread.
    pub(super) fn serve(&self) -> TestResult<io::Result<usize>> {
        let request = request(self.program.orb, FunctionControl::START);
        let sense_id = [0xe4, 0x20, 1, 0, 0, 2, 0, 0];
        let bytes: &[u8] = match self.missing {
            Program => &sense_id,
            Request => &request,
            Data | Status => &[],
        };
        self.fault.serve(&self.memory, bytes)?;
        let result = self.result.recv_timeout(TIMEOUT);
        Ok(result.map_err(|_| "the thread does not return when its page is there".to_owned())?)
    }

    /// Reads what is in the page.
    pub(super) fn read(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        self.memory.read(0, &mut bytes);
        bytes
    }

    /// Serves the page, and checks that all is as before.
    pub(super) fn end(self, channel: &mut Channel) -> TestResult {
        let result = self.serve()?;
        if self.missing != Status && result.is_ok() {
            wait_end(channel)?;
        }
        take_rest(channel)?;
        self.clean_up(channel)?;
        check_usable(channel)
    }

    /// Checks that nothing is pinned when the page was served, and unmaps what the thread has used.
    pub(super) fn clean_up(self, channel: &mut Channel) -> TestResult {
        check_eq("KiB pinned", pinned()?, self.pinned)?;
        let device = channel.device_mut();
        match self.missing {
            Program => device.unmap(CCWS)?,
            Data => device.unmap(DATA)?,
            Request | Status => {}
        }
        Ok(self.guest.unmap(device)?)
    }
}
