// SPDX-License-Identifier: GPL-2.0

//! Running a program ("Execution of I/O Operations").

use super::{
    area::Area,
    ccw::{
        Ccw,
        Direction,
        Format, //
    },
    deviations::Deviations,
    device::{
        Device,
        Step, //
    },
    memory::{
        Fault,
        Memory,
        Use, //
    },
    outcome::{
        Ending,
        Event,
        Run, //
    },
    request::Request,
    status::{
        device_status::{
            CHANNEL_END,
            DEVICE_END,
            STATUS_MODIFIER, //
        },
        status_control::{
            ALERT,
            INTERMEDIATE,
            PENDING,
            PRIMARY,
            SECONDARY, //
        },
        subchannel_status::{
            INCORRECT_LENGTH,
            PCI,
            PROGRAM_CHECK,
            PROTECTION_CHECK, //
        },
        Status,
    },
};

/// Runs the program of `request`. At most `limit` CCWs take control, not counting transfers in
/// channel.
pub fn run(
    memory: &mut impl Memory,
    device: &mut impl Device,
    request: &Request,
    limit: usize,
) -> Run {
    run_on(&Deviations::NONE, memory, device, request, limit)
}

/// Runs the program of `request` on a channel that deviates from the architecture.
pub fn run_on(
    deviations: &Deviations,
    memory: &mut impl Memory,
    device: &mut impl Device,
    request: &Request,
    limit: usize,
) -> Run {
    let mut channel = Channel {
        memory,
        device,
        request,
        deviations,
        left: limit,
        events: Vec::new(),
    };
    let ending = channel.program();
    Run {
        events: channel.events,
        ending,
    }
}

/// How a CCW is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Start,
    CommandChaining,
    DataChaining,
}

/// The current CCW with its address.
#[derive(Clone, Copy)]
struct Current {
    address: u32,
    ccw: Ccw,
}

impl Current {
    /// Returns the address of the next CCW, which is the CPA while this one is current.
    fn following(self) -> u32 {
        self.address.wrapping_add(8)
    }
}

/// The result of the data transfer of a command.
struct Moved {
    /// The rest of the count of the last CCW.
    residual: u16,
    /// Whether the device had more data than the program has room for.
    more: bool,
}

struct Channel<'a, M, D> {
    memory: &'a mut M,
    device: &'a mut D,
    request: &'a Request,
    deviations: &'a Deviations,
    left: usize,
    events: Vec<Event>,
}

/// Returns the end by a check of the CCW at `address`. The CPA is that address plus 8
/// ("Channel-Program Address"), and the residual count is unpredictable ("Count").
fn check(fault: Fault, address: u32, device: u8) -> Ending {
    Ending::Done(Status {
        control: ALERT | PRIMARY | SECONDARY | PENDING,
        device,
        subchannel: match fault {
            Fault::Addressing => PROGRAM_CHECK,
            Fault::Protection => PROTECTION_CHECK,
        },
        cpa: cpa(address.wrapping_add(8)),
        count: None,
    })
}

/// Returns an address as a channel-program address, which has 31 bits.
fn cpa(address: u32) -> u32 {
    address & 0x7fff_ffff
}

impl<M: Memory, D: Device> Channel<'_, M, D> {
    /// Runs one command after the other until the program ends ("Command Chaining").
    fn program(&mut self) -> Ending {
        let mut address = self.request.cpa;
        let mut way = Way::Start;
        loop {
            match self.command(address, way) {
                Ok(next) => address = next,
                Err(ending) => return ending,
            }
            way = Way::CommandChaining;
        }
    }

    /// Runs the command at `address`. Returns where the chain continues.
    fn command(&mut self, address: u32, way: Way) -> Result<u32, Ending> {
        let mut current = self.take_control(address, way)?;
        if self.memory.is_wait(current.address) {
            return Ok(current.following());
        }
        let code = current.ccw.code;
        let step = self.device.command(code);
        self.events.push(Event::Command {
            code,
            data: Vec::new(),
            cpa: None,
        });
        let moved = if step.immediate {
            if self.deviations.drops_chain_data_at_once {
                current.ccw.flags &= !Ccw::CD;
            }
            Moved {
                residual: current.ccw.count,
                more: false,
            }
        } else {
            self.transfer(&mut current, step.length)?
        };
        if let Some(Event::Command { cpa: end, .. }) = self.last_command() {
            *end = Some(cpa(current.following()));
        }
        self.conclude(current, step, &moved)
    }

    /// Ends a command: chains to the next one, or ends the program.
    ///
    /// "Command Chaining" requires channel end and device end without other status except status
    /// modifier, which skips a CCW, and no incorrect length.
    fn conclude(&self, current: Current, step: Step, moved: &Moved) -> Result<u32, Ending> {
        let incorrect_length = self.incorrect_length(current.ccw, step, moved);
        let ended = step.status & !STATUS_MODIFIER == CHANNEL_END | DEVICE_END;
        let mut chains = current.ccw.flags & (Ccw::CD | Ccw::CC) == Ccw::CC;
        if self.deviations.chains_data_as_commands {
            chains |= current.ccw.has(Ccw::CD);
        }
        if chains && ended && !incorrect_length {
            let past = if step.status & STATUS_MODIFIER != 0 {
                8
            } else {
                0
            };
            return Ok(current.following().wrapping_add(past));
        }
        let usual = step.status == CHANNEL_END | DEVICE_END && !incorrect_length;
        Err(Ending::Done(Status {
            control: PRIMARY | SECONDARY | PENDING | if usual { 0 } else { ALERT },
            device: step.status,
            subchannel: if incorrect_length {
                INCORRECT_LENGTH
            } else {
                0
            },
            cpa: cpa(current.following()),
            count: Some(moved.residual),
        }))
    }

    /// Returns whether there is incorrect length ("Incorrect Length", with the figure on the effect
    /// of the flags).
    fn incorrect_length(&self, ccw: Ccw, step: Step, moved: &Moved) -> bool {
        let wrong = moved.residual != 0 || moved.more;
        let suppressed = ccw.flags & (Ccw::CD | Ccw::SLI) == Ccw::SLI;
        // Immediate operations have none in format-0 programs, nor where the ORB suppresses it, nor
        // if the command was rejected.
        let silent = step.immediate
            && (self.request.format == Format::Zero
                || self.request.suppress_length
                || step.status & CHANNEL_END == 0);
        wrong && !suppressed && !silent
    }

    /// Moves the data of a command, from CCW to CCW ("Data Chaining"). When the count of one is
    /// used up, the next one takes control, whether or not there is more data.
    fn transfer(&mut self, current: &mut Current, length: usize) -> Result<Moved, Ending> {
        let mut direction = Direction::of(current.ccw.code).expect("a command that was checked");
        let mut left = length;
        loop {
            if self.deviations.takes_chained_codes {
                direction = Direction::of(current.ccw.code).ok_or_else(|| {
                    check(Fault::Addressing, current.address, CHANNEL_END | DEVICE_END)
                })?;
            }
            let count = current.ccw.count;
            let amount = left.min(count.into());
            self.move_data(current.ccw, direction, amount)
                .map_err(|fault| check(fault, current.address, CHANNEL_END | DEVICE_END))?;
            left -= amount;
            let ends = !current.ccw.has(Ccw::CD) || self.deviations.chains_data_as_commands;
            if amount < count.into() || ends {
                return Ok(Moved {
                    residual: count - amount as u16,
                    more: left > 0,
                });
            }
            *current = self.take_control(current.following(), Way::DataChaining)?;
        }
    }

    /// Moves `amount` bytes to or from the area of a CCW.
    fn move_data(&mut self, ccw: Ccw, direction: Direction, amount: usize) -> Result<(), Fault> {
        let direction = match direction {
            Direction::InputBackward if self.deviations.reads_backward_upward => Direction::Input,
            direction => direction,
        };
        let mut area = Area::new(self.request, self.deviations, ccw, direction);
        let mut left = amount;
        while left > 0 {
            let piece = area.next(self.memory)?;
            let mut bytes = vec![0; piece.len.min(left)];
            left -= bytes.len();
            match (direction, piece.first) {
                (Direction::Output, Some(first)) => {
                    self.memory.fetch(first, Use::Data, &mut bytes)?;
                }
                (Direction::Output, None) => unreachable!("output is never skipped"),
                (Direction::Input | Direction::InputBackward, first) => {
                    bytes.fill_with(|| self.device.byte());
                    if let Some(first) = first {
                        self.store(direction, first, &bytes)?;
                    }
                }
            }
            self.note(&bytes);
        }
        Ok(())
    }

    /// Stores input. The first byte goes to `first`.
    fn store(&mut self, direction: Direction, first: u64, bytes: &[u8]) -> Result<(), Fault> {
        if direction == Direction::Input {
            return self.memory.store(first, bytes);
        }
        let mut upward = bytes.to_vec();
        upward.reverse();
        let lowest = first - (bytes.len() as u64 - 1);
        self.memory.store(lowest, &upward)
    }

    /// Makes a CCW current, through a transfer in channel if there is one.
    fn take_control(&mut self, address: u32, way: Way) -> Result<Current, Ending> {
        // A device that transfers data is told to end the transfer.
        let device = match way {
            Way::Start | Way::CommandChaining => 0,
            Way::DataChaining => CHANNEL_END | DEVICE_END,
        };
        let check = |fault, address| check(fault, address, device);
        let invalid = |address| check(Fault::Addressing, address);

        let mut current = self.fetch(address).map_err(|fault| check(fault, address))?;
        if current.ccw.is_tic() {
            if way == Way::Start || !self.request.takes_transfer(current.ccw) {
                return Err(invalid(address));
            }
            // An invalid address in a transfer in channel is an error of that transfer, but a
            // second transfer in succession is an error of the second one ("Channel-Program
            // Address").
            let target = current.ccw.address;
            current = self.fetch(target).map_err(|fault| check(fault, address))?;
            if current.ccw.is_tic() {
                return Err(invalid(target));
            }
        }
        let taken = match way {
            Way::Start | Way::CommandChaining => self.request.takes_command(current.ccw),
            Way::DataChaining => self.request.takes_chained(current.ccw),
        };
        if !taken {
            return Err(invalid(current.address));
        }
        if self.memory.is_wait(current.address) {
            return Ok(current);
        }
        self.left = self.left.checked_sub(1).ok_or(Ending::Cut)?;
        if current.ccw.has(Ccw::SUSPEND) {
            return Err(self.suspend(current));
        }
        if current.ccw.has(Ccw::PCI) {
            self.events.push(Event::Interruption(Status {
                control: INTERMEDIATE | PENDING,
                subchannel: PCI,
                cpa: cpa(current.following()),
                ..Status::default()
            }));
            self.memory.interrupted();
        }
        Ok(current)
    }

    /// Fetches a CCW.
    fn fetch(&mut self, address: u32) -> Result<Current, Fault> {
        if address % 8 != 0 || address >= self.request.format.limit() {
            return Err(Fault::Addressing);
        }
        let mut bytes = [0; 8];
        self.memory.fetch(address.into(), Use::Ccw, &mut bytes)?;
        let mut ccw = Ccw::parse(self.request.format, bytes);
        if self.deviations.fetches_ccws_ahead {
            // A CCW that is not available is never used.
            let next = u64::from(address) + 8;
            let _ = self.memory.fetch(next, Use::Ccw, &mut bytes);
        }
        if self.deviations.ignores_chain_data {
            ccw.flags &= !Ccw::CD;
        }
        Ok(Current { address, ccw })
    }

    /// Suspends the program before the CCW with the flag takes effect ("Suspension of
    /// Channel-Program Execution").
    fn suspend(&self, current: Current) -> Ending {
        Ending::Suspended(if self.request.suppress_suspended {
            Status::default()
        } else {
            Status {
                control: INTERMEDIATE | PENDING,
                cpa: cpa(current.following()),
                ..Status::default()
            }
        })
    }

    fn last_command(&mut self) -> Option<&mut Event> {
        self.events
            .iter_mut()
            .rfind(|event| matches!(event, Event::Command { .. }))
    }

    /// Records data of the last command.
    fn note(&mut self, bytes: &[u8]) {
        if let Some(Event::Command { data, .. }) = self.last_command() {
            data.extend_from_slice(bytes);
        }
    }
}
