// SPDX-License-Identifier: GPL-2.0

//! The data of the VFIO device, and the session of the user who has it open.
//!
//! Locks are taken in this order: `quiescing`, `session`, the subchannel lock. `session` is held
//! while a program is translated, which can block on page faults in user memory; so only reads of
//! the same device and DMA unmaps wait for it (see `ops/unmap.rs`). No lock is held while bytes are
//! copied from or to the caller of read or write.

use crate::{
    address_space::{
        AddressSpaces,
        CachesPins,
        Member, //
    },
    debugfs::StatsFile,
    log::{
        Logs,
        Span, //
    },
    memory::{
        KernelStorage,
        UserMemory, //
    },
    pin_gate::PinGate,
    region::{
        cmd::CmdRegion,
        io::IoRegion,
        status_seq::StatusSeq, //
    },
    stats::{
        Counts,
        Statistics, //
    },
    subchannel::{
        HoldOffTimer,
        SubchannelData, //
    },
};
use ccwchain::{
    irb::Irb,
    orb::Orb,
    translator::{
        Sizes,
        Translator, //
    },
};
use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    new_mutex,
    num::casts::u32_as_usize,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        MutexGuard, //
    },
    time::msecs_to_jiffies, //
};
use mdev::{
    css::{
        Isc,
        Subchannel, //
    },
    dma,
    memcg::Memcg,
    mm_invalidations::MmInvalidations,
    quarantine,
    random,
    ratelimit::RateLimit,
    timer::Timer,
    vfio::Open, //
};

/// The most pages that a pin cache can hold: 1 GiB, for which the translator needs 12 MiB of
/// tables.
const MAX_PIN_CACHE_PAGES: u32 = 1 << 18;

/// The shortest time between two messages that a user can cause, in milliseconds.
const MESSAGE_INTERVAL: u32 = 5000;

/// The data that all devices of the driver share.
pub(crate) struct SharedData {
    /// The interruption subclass of the subchannels.
    pub(crate) isc: Isc,
    pub(crate) logs: Arc<Logs>,
    /// The directory of the statistics.
    debugfs: Dir,
    spaces: Arc<AddressSpaces<Device>>,
}

impl SharedData {
    /// Registers the interruption subclass, the logs and the directory.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            isc: Isc::vfio_ccw(),
            logs: Arc::new(Logs::new()?, GFP_KERNEL)?,
            debugfs: Dir::new(c"vfio_ccw"),
            spaces: Arc::pin_init(AddressSpaces::new(), GFP_KERNEL)?,
        })
    }
}

/// Memory for the rest of a program.
#[derive(Default)]
pub(crate) struct Spare {
    /// A translator without a program. None of its pages is pinned.
    pub(crate) translator: Option<Translator<KernelStorage>>,
    pub(crate) arena: Option<dma::Area>,
}

/// The session of a user: what exists while the device is open.
pub(crate) struct Session {
    /// Region 0.
    pub(crate) region: IoRegion,
    /// Region 1.
    pub(crate) cmd: CmdRegion,
    pub(crate) translator: Translator<KernelStorage>,
    /// The arena for the next program, unless the subchannel still has it.
    pub(crate) arena: Option<dma::Area>,
    /// The membership in the address space of the user.
    pub(crate) member: Member<Device>,
    /// The generation of the start function that the program in the translator is of.
    pub(crate) generation: u64,
    /// The ORB of that start function.
    pub(crate) orb: Orb,
    /// Set if programs may wait until their rest is translated.
    pub(crate) waits: bool,
    /// The number of rests of that program that were translated while it waited.
    pub(crate) rests: u32,
    /// Memory for the rest of a program that waits, after the first program that may.
    pub(crate) spare: Spare,
    /// The cgroup to which memory is charged that is allocated while no thread of the user waits.
    pub(crate) memcg: Memcg,
    /// The IRB that was read last, unless it ended the start function.
    pub(crate) unfinished: Option<Irb>,
    /// Set if the administrator was warned of programs that must not be prefetched.
    pub(crate) warned_of_prefetch: bool,
}

impl Session {
    /// Returns the session of the current process.
    pub(crate) fn new(dev: &Open<'_, Device>) -> Result<Self> {
        let cached_pages = dev.pin_cache_pages();
        let sizes = Sizes {
            cached_pages,
            ..Sizes::IDLE
        };

        Ok(Self {
            region: IoRegion::new(),
            cmd: CmdRegion::new(),
            translator: Translator::new(sizes, random::number())?,
            arena: Some(dma::Area::new(Sizes::IDLE_ARENA)?),
            member: Member::new(&dev.shared.spaces, dev.device(), cached_pages > 0)?,
            generation: 0,
            orb: Orb::default(),
            waits: false,
            rests: 0,
            spare: Spare::default(),
            memcg: Memcg::current(),
            unfinished: None,
            warned_of_prefetch: false,
        })
    }

    /// Locks the session of `dev` for a translation. If a page in a pin cache of the address space
    /// may have been replaced, the caches of all its devices are emptied before.
    ///
    /// Returns `EAGAIN` while another thread writes to region 0 or 1, and `EIO` if the device is
    /// closed.
    pub(crate) fn lock_to_translate<'a>(
        dev: &'a Open<'_, Device>,
    ) -> Result<MutexGuard<'a, Option<Self>>> {
        let guard = dev.session.try_lock().ok_or(EAGAIN)?;
        let space = guard.as_ref().ok_or(EIO)?.member.space();
        if !space.is_stale() {
            return Ok(guard);
        }
        let space = space.clone();
        drop(guard);
        space.empty(dev.device())?;
        dev.session.try_lock().ok_or(EAGAIN)
    }

    /// Locks the session of `dev` for the translation of a rest, as [`Session::lock_to_translate`]
    /// does, but waits for other threads.
    ///
    /// Returns `EAGAIN` while another thread holds up emptying the pin caches.
    pub(crate) fn lock_for_rest<'a>(
        dev: &'a Open<'_, Device>,
    ) -> Result<MutexGuard<'a, Option<Self>>> {
        let guard = dev.session.lock();
        let space = match Option::as_ref(&guard) {
            Some(session) if session.member.space().is_stale() => session.member.space().clone(),
            _ => return Ok(guard),
        };
        drop(guard);
        space.empty(dev.device())?;
        Ok(dev.session.lock())
    }

    /// Translates back the addresses in all IRBs that wait, before their program is unpinned.
    #[inline]
    pub(crate) fn write_back(&self, sch: &mut SubchannelData) {
        sch.irbs().write_back(|irb| self.translator.write_back(irb));
    }

    /// Unpins the pages of the program, which has ended, except those that stay in the pin cache.
    pub(crate) fn unpin(&mut self, dev: &Open<'_, Device>) {
        let before = self.translator.pinned();
        let memory = &mut UserMemory::new(dev, &dev.pins, self.member.invalidations());
        self.translator.release(memory);
        if self.translator.pinned() != before {
            dev.pins.set(self.translator.pinned());
        }
    }

    /// Translates back the IRBs that wait, and unpins the pages of the program.
    ///
    /// If the channel may still use the program, its pages are quarantined: they are never used
    /// again.
    pub(crate) fn unpin_or_quarantine(&mut self, dev: &Open<'_, Device>) {
        let may_run = dev.sch.lock().is_ok_and(|mut sch| {
            self.write_back(&mut sch);
            sch.may_run()
        });
        if may_run {
            let pages = self
                .translator
                .host_addresses()
                .map(quarantine::keep)
                .count();
            dev_err!(
                dev.sch.device().as_ref(),
                "{pages} pages of memory are lost, as the device may still use them\n"
            );
        }
        self.unpin(dev);
    }

    /// Unpins the cached pages among `len` bytes from `iova` on, except those that a program uses.
    pub(crate) fn invalidate(&mut self, dev: &Open<'_, Device>, iova: u64, len: u64) {
        let memory = &mut UserMemory::new(dev, &dev.pins, None);
        self.translator.invalidate(iova, len, memory);
        dev.pins.set(self.translator.pinned());
    }

    /// Unpins all cached pages, except those that a program uses.
    pub(crate) fn invalidate_all(&mut self, dev: &Open<'_, Device>) {
        self.invalidate(dev, 0, u64::MAX);
    }
}

/// The data of the VFIO device.
#[pin_data]
pub(crate) struct Device {
    pub(crate) shared: Arc<SharedData>,
    pub(crate) sch: Arc<Subchannel<SubchannelData>>,
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) pins: Arc<PinGate>,
    pub(crate) timer: Arc<HoldOffTimer>,
    _stats_file: Pin<KBox<File<StatsFile>>>,
    _span: Span,
    /// The size of the pin cache from the next open on.
    pin_cache_pages: Atomic<u32>,
    /// Limits messages that a user can cause.
    #[pin]
    pub(crate) messages: RateLimit,
    #[pin]
    pub(crate) session: Mutex<Option<Session>>,
    pub(crate) status_seq: StatusSeq,
    /// Held by the thread that quiesces the subchannel.
    pub(crate) quiescing: Arc<Mutex<()>>,
}

impl Device {
    /// Returns the data of a device that is closed.
    pub(crate) fn new(
        shared: Arc<SharedData>,
        sch: Arc<Subchannel<SubchannelData>>,
    ) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let statistics = Arc::new(Statistics::new(), GFP_KERNEL)?;
            let pins = Arc::new(PinGate::new(), GFP_KERNEL)?;
            let stats_file = StatsFile::new(
                statistics.clone(),
                pins.clone(),
                sch.clone(),
                &shared.debugfs,
            )?;
            let timer = Timer::new(sch.clone(), |sch| {
                if let Ok(mut sch) = sch.lock() {
                    sch.hold_off_expired();
                }
            });
            let timer = Arc::pin_init(timer, GFP_KERNEL)?;
            let quiescing = {
                let mut sch = sch.lock()?;
                sch.notifier.counts = Counts::default();
                sch.notifier.quiescing.clone()
            };
            let id = sch.device().id();
            let span = Span::new(shared.logs.clone(), id, 2, ["create", "remove"]);

            Ok(try_pin_init!(Self {
                shared,
                sch,
                statistics,
                pins,
                timer,
                _stats_file: stats_file,
                _span: span,
                pin_cache_pages: Atomic::new(0),
                messages <- RateLimit::new(msecs_to_jiffies(MESSAGE_INTERVAL)),
                session <- new_mutex!(None, "vfio_ccw::session"),
                status_seq: StatusSeq::new(),
                quiescing,
            }? Error))
        })
    }

    /// Returns the size of the pin cache in pages.
    pub(crate) fn pin_cache_pages(&self) -> usize {
        u32_as_usize(self.pin_cache_pages.load(Relaxed))
    }

    /// Sets the size of the pin cache from the next open on.
    ///
    /// Returns `EINVAL` if that is more than the maximum, and `EOPNOTSUPP` if the kernel does not
    /// notify of invalidations.
    pub(crate) fn set_pin_cache_pages(&self, pages: usize) -> Result {
        let pages = u32::try_from(pages)?;

        if pages > MAX_PIN_CACHE_PAGES {
            return Err(EINVAL);
        }
        if pages > 0 && !MmInvalidations::IS_POSSIBLE {
            return Err(EOPNOTSUPP);
        }
        self.pin_cache_pages.store(pages, Relaxed);
        Ok(())
    }

    /// Adds an entry to the log `vfio_ccw_msg`.
    pub(crate) fn msg(&self, text: fmt::Arguments<'_>) {
        self.shared.logs.msg(2, self.sch.device().id(), text);
    }
}

impl CachesPins for Device {
    fn empty_pin_cache(dev: &Open<'_, Self>, may_wait: bool) -> Result {
        let mut session = if may_wait {
            dev.session.lock()
        } else {
            dev.session.try_lock().ok_or(EAGAIN)?
        };
        if let Some(session) = Option::as_mut(&mut session) {
            session.invalidate_all(dev);
        }
        Ok(())
    }
}
