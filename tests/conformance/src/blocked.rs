// SPDX-License-Identifier: GPL-2.0

//! A user whose memory does not come: nobody else may have to wait for it.
//!
//! The memory is that of a program, of its data, of a request, or what status is read to. Who
//! touches it waits until it is served, or for ever.

use std::{
    fs::File,
    io::{
        self,
        BufRead,
        BufReader,
        Write, //
    },
    os::fd::AsFd,
    process::{
        Child,
        Command,
        Stdio, //
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
    sysfs::Mdev,
    vfio::{
        Access,
        Backend, //
    }, //
};
use ccwchain::{
    irb,
    scsw::{
        DeviceStatus,
        FunctionControl, //
    }, //
};

use crate::{
    fixtures::*,
    host_side::Host, //
};

/// What does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
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

pub(crate) fn cases() -> Vec<Case> {
    cases! {
        "a program that comes late runs" => |devices| served(devices, Program);
        "a program whose data come late runs" => |devices| served(devices, Data);
        "a request that comes late is carried out" => |devices| served(devices, Request);
        "a read to memory that comes late gives the status" => |devices| served(devices, Status);
        for_each "another device is used while a program does not come" => other_device;
        for_each "an attention is announced while a program does not come" => attention;
        for_each "a reset returns while a program does not come" => reset;
        for_each "another device is taken away while a program does not come" => other_unbound;
        for_each "the death of who waits for a program frees the device" => death;
        "a second start is refused at once while a program does not come" => second_start;
        "a halt and a clear are answered while a program does not come" => halted;
        "the SCHIB is read while a program does not come" => |devices| schib(devices, Program);
        "the SCHIB is read while a read does not end" => |devices| schib(devices, Status);
        "status is read while a request does not come" => read_beside_request;
        "a start is made while a read does not end" => start_beside_read;
        "a start that comes late after a reset is not made" => late_after_reset;
        "the device is free when a write ends that was blocked at close" => closed_beside;
    }
}

/// Makes a case for each that may be missing, of the name of that for a program.
fn for_each(name: &str, run: fn(&Devices, Missing) -> TestResult) -> Vec<Case> {
    let case = |(_, missing): (&str, Missing)| {
        let [does_not_come, waits_for] = match missing {
            Program => ["a program does not come", "waits for a program"],
            Data => ["data do not come", "waits for data"],
            Request => ["a request does not come", "waits for a request"],
            Status => ["a read does not end", "waits in a read"],
        };
        let name = name
            .replace("a program does not come", does_not_come)
            .replace("waits for a program", waits_for);
        Case::new(name, move |devices| run(devices, missing))
    };
    Missing::ALL.map(case).into()
}

impl Missing {
    const ALL: [(&'static str, Self); 4] = [
        ("program", Program),
        ("data", Data),
        ("request", Request),
        ("status", Status),
    ];

    fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, missing)| *missing == self)
            .map_or("", |(word, _)| word)
    }
}

/// Where the program of the blocked one is.
const CCWS: u64 = 0x1_0000;
/// Where its data are.
const DATA: u64 = 0x2_0000;

/// A thread that waits for a page.
struct Blocked {
    missing: Missing,
    fault: Userfault,
    memory: Arc<Memory>,
    result: mpsc::Receiver<io::Result<usize>>,
    program: Program,
    guest: GuestMemory,
}

impl Blocked {
    /// Lets a thread wait for a page.
    fn on(channel: &mut Channel, missing: Missing) -> TestResult<Self> {
        if missing == Data && channel.device().backend() == Backend::Container {
            let why = "type1 does not wait for a page that it pins";
            return Err(skip(why));
        }
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
            // The thread's CCWs are at another place than those that other programs use.
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
        let place = Arc::clone(&memory);
        thread::spawn(move || {
            use std::os::unix::fs::FileExt;
            let result = match missing {
                Program | Data => file.write_at(&region, 0),
                Request => userfault::pwrite_from(file.as_fd(), &place, IO_REGION_SIZE, 0),
                Status => {
                    let offset = i64::try_from(IRB_OFFSET).unwrap_or(0);
                    userfault::pread_to(file.as_fd(), &place, irb::SIZE, offset)
                }
            };
            // Nobody may wait for it any more; the file must be closed before it is told of.
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
        })
    }

    fn is_blocked(&self) -> bool {
        matches!(self.result.try_recv(), Err(mpsc::TryRecvError::Empty))
    }

    fn check_blocked(&self) -> TestResult {
        check(self.is_blocked(), "the thread has not waited")
    }

    /// Serves the page; what the thread has got then.
    fn serve(&self) -> TestResult<io::Result<usize>> {
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

    /// Takes from the device what the thread has had.
    fn unmap(self, channel: &mut Channel) -> TestResult {
        let device = channel.device_mut();
        match self.missing {
            Program => device.unmap(CCWS)?,
            Data => device.unmap(DATA)?,
            Request | Status => {}
        }
        Ok(self.guest.unmap(device)?)
    }

    /// Serves the page, and sees that all is as before.
    fn end(self, channel: &mut Channel, before: u64) -> TestResult {
        let result = self.serve()?;
        if self.missing != Status && result.is_ok() {
            let end = channel.wait_end(TIMEOUT, &mut Vec::new())?;
            check(end.is_some(), "the program does not end")?;
        }
        take_rest(channel)?;
        check_eq("KiB pinned", pinned()?, before)?;
        self.unmap(channel)?;
        check_usable(channel)
    }
}

fn served(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    if missing == Status {
        halt(&channel)?;
        check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    }
    let blocked = Blocked::on(&mut channel, missing)?;
    thread::sleep(SILENCE);
    blocked.check_blocked()?;
    let result = blocked.serve()?;
    let mut bytes = [0; 64];
    blocked.memory.read(0, &mut bytes);
    if missing == Status {
        check_eq("bytes read", result?, irb::SIZE)?;
        let functions = irb::Irb::from_bytes(&bytes).scsw().fctl();
        check_eq("functions in the status", functions, FunctionControl::HALT)?;
    } else {
        check_eq("bytes written", result?, IO_REGION_SIZE)?;
        let irb = channel.wait_end(TIMEOUT, &mut Vec::new())?;
        let scsw = irb
            .ok_or_else(|| "the program does not end".to_owned())?
            .scsw();
        let status = if missing == Program {
            // Its data are not mapped.
            DeviceStatus::empty()
        } else {
            DeviceStatus::CHANNEL_END.union(DeviceStatus::DEVICE_END)
        };
        check_eq("device status", scsw.device_status(), status)?;
    }
    if missing == Data {
        check_eq("data", &bytes[..3], &[0xff, 0x38, 0x32])?;
    }
    check_eq("KiB pinned", pinned()?, before)?;
    blocked.unmap(&mut channel)?;
    check_usable(&mut channel)
}

fn other_device(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    let mut other = devices.open_named("terminal")?;
    let other = within("another device's I/O", move || {
        let result = (0..20).try_for_each(|_| check_usable(&mut other));
        (result, other)
    })?;
    other.0?;
    blocked.check_blocked()?;
    drop(other.1);
    blocked.end(&mut channel, before)
}

fn attention(devices: &Devices, missing: Missing) -> TestResult {
    let host = Host::new()?;
    let mut channel = devices.open_named("terminal")?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    host.type_in(&[0x7d])?;
    check(channel.wait_signal(TIMEOUT)?, "it is not announced")?;
    blocked.check_blocked()?;
    // A thread that reads status had taken none before it came to wait.
    let result = match missing {
        Status => None,
        _ => Some(blocked.serve()?),
    };
    let status = channel.irb()?.scsw().device_status();
    check_eq("device status", status, DeviceStatus::ATTENTION)?;
    if let Some(Ok(_)) = result {
        let end = channel.wait_end(TIMEOUT, &mut Vec::new())?;
        check(end.is_some(), "the program does not end")?;
    }
    take_rest(&mut channel)?;
    check_eq("KiB pinned", pinned()?, before)?;
    blocked.unmap(&mut channel)?;
    crate::unsolicited::read_all(&mut channel)
}

fn reset(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    let channel = within("the reset", move || {
        let result = (0..3).try_for_each(|_| channel.device().reset());
        (result, channel)
    })?;
    channel.0?;
    blocked.check_blocked()?;
    blocked.end(&mut { channel.1 }, before)
}

fn other_unbound(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let uuid = devices.named("terminal")?.uuid().to_owned();
    let other = subchannel(devices.named("terminal")?)?;
    let blocked = Blocked::on(&mut channel, missing)?;
    within("taking another device away", move || -> TestResult {
        unbind(&other)?;
        other.bind(Some(&uuid), &mut |_| {})?;
        Ok(())
    })??;
    blocked.check_blocked()?;
    check_usable(&mut devices.open_named("terminal")?)?;
    blocked.end(&mut channel, before)
}

/// What the process of the next test does: it waits for a page, says so, and is killed.
pub(crate) fn hold(missing: &str, backend: &str, uuid: &str) -> TestResult {
    let backend = match backend {
        "iommufd" => Backend::Iommufd,
        _ => Backend::Container,
    };
    let mut all = Missing::ALL.iter();
    let missing = all.find(|(word, _)| *word == missing);
    let (_, missing) = missing.ok_or_else(|| "nothing is missing".to_owned())?;
    let mut channel = open(&Mdev::find(uuid)?, backend)?;
    let blocked = match Blocked::on(&mut channel, *missing) {
        Err(Failure::Skip(why)) => {
            println!("skip {why}");
            return Ok(());
        }
        blocked => blocked?,
    };
    println!("held");
    io::stdout().flush()?;
    thread::sleep(TIMEOUT * 10);
    blocked.check_blocked()
}

fn death(devices: &Devices, missing: Missing) -> TestResult {
    for _ in 0..3 {
        let mut user = Command::new("/proc/self/exe")
            .args(["block", missing.word()])
            .arg(backend_word(devices.backend()))
            .arg(devices.first().uuid())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = first_line(&mut user);
        user.kill()?;
        within("the death of the user", move || user.wait())??;
        match said?.trim() {
            "held" => {}
            said => match said.strip_prefix("skip ") {
                Some(why) => return Err(skip(why)),
                None => return Err(format!("the user said {said:?}").into()),
            },
        }
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}

fn first_line(user: &mut Child) -> io::Result<String> {
    let mut line = String::new();
    if let Some(out) = user.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    Ok(line)
}

fn second_start(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, Program)?;
    let orb = blocked.program.orb;
    let (result, mut channel) = within("a second start", move || {
        let result = channel.start(orb);
        (result, channel)
    })?;
    check_errno("second start", result, libc::EAGAIN)?;
    blocked.end(&mut channel, before)
}

fn halted(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, Program)?;
    let (result, mut channel) = within("a halt and a clear", move || {
        // Whether they are refused or not.
        let result = [HALT, CLEAR].map(|command| {
            let bytes = command.to_ne_bytes();
            channel.device().pwrite(&bytes, CMD_REGION)
        });
        (result, channel)
    })?;
    for result in result {
        let errno = result.err().map(|error| error.raw_os_error());
        let is_known = matches!(errno, None | Some(Some(libc::EAGAIN | libc::EBUSY)));
        check(is_known, format!("they fail with {errno:?}"))?;
    }
    blocked.end(&mut channel, before)
}

fn schib(devices: &Devices, missing: Missing) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, missing)?;
    let (schib, mut channel) = within("reading the SCHIB", move || {
        (Schib::read(&channel), channel)
    })?;
    check(schib?.is_enabled(), "the device is not enabled")?;
    blocked.end(&mut channel, before)
}

fn read_beside_request(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    halt(&channel)?;
    check(channel.wait_signal(TIMEOUT)?, "no signal came")?;
    let blocked = Blocked::on(&mut channel, Request)?;
    let (irb, mut channel) = within("reading status", move || (channel.irb(), channel))?;
    check_eq("functions", irb?.scsw().fctl(), FunctionControl::HALT)?;
    blocked.end(&mut channel, before)
}

fn start_beside_read(devices: &Devices) -> TestResult {
    let mut channel = devices.open()?;
    let before = pinned()?;
    let blocked = Blocked::on(&mut channel, Status)?;
    let orb = blocked.program.orb;
    let (result, mut channel) = within("a start", move || {
        let result = channel.start(orb);
        (result, channel)
    })?;
    result?;
    blocked.check_blocked()?;
    let end = channel.wait_end(TIMEOUT, &mut Vec::new())?;
    check(end.is_some(), "the program does not end")?;
    blocked.end(&mut channel, before)
}

fn late_after_reset(devices: &Devices) -> TestResult {
    for missing in [Program, Data] {
        let mut channel = devices.open()?;
        let before = pinned()?;
        let blocked = match Blocked::on(&mut channel, missing) {
            Err(Failure::Skip(_)) => continue,
            blocked => blocked?,
        };
        let (result, mut channel) = within("the reset", move || {
            let result = channel.device().reset();
            (result, channel)
        })?;
        result?;
        check_errno("the late start", blocked.serve()?, libc::EAGAIN)?;
        check(channel.wait(SILENCE)?.is_none(), "status came")?;
        check_eq("KiB pinned", pinned()?, before)?;
        blocked.unmap(&mut channel)?;
        check_usable(&mut channel)?;
    }
    Ok(())
}

fn closed_beside(devices: &Devices) -> TestResult {
    for missing in [Program, Request] {
        let mut channel = devices.open()?;
        let blocked = Blocked::on(&mut channel, missing)?;
        within("close", move || drop(channel))?;
        blocked.check_blocked()?;
        // Whatever comes of it.
        let _ = blocked.serve()?;
        check_usable(&mut devices.open()?)?;
    }
    Ok(())
}
