// SPDX-License-Identifier: GPL-2.0

//! The VFIO device that a user opens.
//!
//! Locks, in the order that they are taken: `quiescing`, `io`, the subchannel lock. `io` is held
//! while a program is translated, for as long as the user's memory takes; so nobody waits for it
//! then but reads of the same device and the unmapping of memory. No lock is held while memory is
//! copied from or to the caller of read or write.

use crate::{
    address_space::Member,
    context::{
        Context,
        Span, //
    },
    observer::statistics::{
        Counts,
        Statistics, //
        StatsFile,
    },
    program::{
        KernelStorage,
        UserMemory, //
    },
    quiesce::{
        quiesce,
        resume, //
    },
    regions::{
        asynchronous::AsyncRegion,
        io::IoRegion,
        Region, //
    },
    state::{
        Event,
        Irq,
        Notify, //
    },
    triggers::{
        self,
        StatusTimer, //
        SubchannelData,
    },
};
use ccwchain::{
    irb::Irb,
    translator::{
        Sizes,
        Translator, //
    },
};
use core::fmt;
use kernel::{
    debugfs::File,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    time::msecs_to_jiffies,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::{
    css::Subchannel,
    dma,
    mm_invalidations::MmInvalidations,
    nospec, quarantine, random,
    ratelimit::RateLimit,
    timer::Timer,
    vfio::{
        self,
        Open,
        Operations,
        Trigger, //
    },
};

/// `VFIO_DEVICE_FLAGS_CCW`: a device of the channel subsystem.
const DEVICE_FLAGS_CCW: u32 = 1 << 4;

/// The device's interrupts, by their index.
const IRQS: [Irq; 3] = [Irq::Io, Irq::Crw, Irq::Request];

/// The most pages that can stay pinned: 1 GiB, for which the translator needs 12 MiB of tables.
const MAX_PIN_CACHE_PAGES: u32 = 1 << 18;

/// How often a user is asked for the device, before the administrator is told again.
const REQUESTS_PER_NOTICE: u32 = 10;

/// How long it takes until a user can cause a message again, in milliseconds.
const MESSAGE_INTERVAL: u32 = 5000;

/// What there is while a user has the device open.
pub(crate) struct Io {
    pub(crate) region: IoRegion,
    /// Counts the statuses that the region has shown.
    pub(crate) shown: u64,
    pub(crate) asynchronous: AsyncRegion,
    pub(crate) translator: Translator<KernelStorage>,
    /// Where the next program is to be, unless the subchannel has it still.
    pub(crate) area: Option<dma::Area>,
    /// The address space whose memory it is.
    pub(crate) member: Member,
    /// The start function that the translator's program is of.
    pub(crate) generation: u64,
    /// The status that was shown last, unless the start function is over with it.
    pub(crate) unfinished: Option<Irb>,
    /// Whether the administrator was told of programs that must not be fetched ahead.
    pub(crate) told_of_prefetch: bool,
}

impl Io {
    fn new(dev: &Open<'_, Device>) -> Result<Self> {
        let kept = dev.pin_cache_pages();
        let sizes = Sizes {
            cached_pages: kept,
            ..Sizes::IDLE
        };

        Ok(Self {
            region: IoRegion::new(),
            shown: 0,
            asynchronous: AsyncRegion::new(),
            translator: Translator::new(sizes, random::number())?,
            area: Some(dma::Area::new(Sizes::IDLE_ARENA)?),
            member: Member::new(&dev.context, dev.device(), kept > 0)?,
            generation: 0,
            unfinished: None,
            told_of_prefetch: false,
        })
    }

    /// Unpins the pages of the program, which the channel is done with, but for those to be kept.
    pub(crate) fn release(&mut self, dev: &Open<'_, Device>) {
        let before = self.translator.pinned();
        let memory = &mut UserMemory::new(dev, self.member.watch());
        self.translator.release(memory);
        if self.translator.pinned() != before {
            dev.statistics.pinned(&self.translator);
        }
    }

    /// Unpins the cached pages of `len` bytes from `iova` on, but for those that a program uses.
    fn invalidate(&mut self, dev: &Open<'_, Device>, iova: u64, len: u64) {
        self.translator
            .invalidate(iova, len, &mut UserMemory::new(dev, None));
        dev.statistics.pinned(&self.translator);
    }

    /// Unpins all cached pages that no program uses.
    pub(crate) fn drop_all(&mut self, dev: &Open<'_, Device>) {
        self.invalidate(dev, 0, u64::MAX);
    }

    /// Makes the addresses in all status that waits the guest's, as the program that they are of is
    /// about to go.
    #[inline]
    pub(crate) fn write_back(&self, sch: &mut SubchannelData) {
        sch.irbs().for_each(|entry| {
            if core::mem::take(&mut entry.host) {
                self.translator.write_back(&mut entry.irb);
            }
        });
    }
}

/// The driver's part of the VFIO device.
#[pin_data]
pub(crate) struct Device {
    pub(crate) context: Arc<Context>,
    pub(crate) sch: Arc<Subchannel<SubchannelData>>,
    pub(crate) statistics: Arc<Statistics>,
    timer: Arc<StatusTimer>,
    _shown: Pin<KBox<File<StatsFile>>>,
    _life: Span,
    /// How many pages stay pinned when programs are over, from the next time on that the device is
    /// opened.
    pin_cache_pages: Atomic<u32>,
    /// For messages that a user can cause.
    #[pin]
    pub(crate) messages: RateLimit,
    #[pin]
    pub(crate) io: Mutex<Option<Io>>,
    /// Counts the statuses that the user has got: all that were shown, or all but the last.
    pub(crate) delivered: Atomic<u64>,
    /// Whoever ends what the subchannel is doing holds it.
    quiescing: Arc<Mutex<()>>,
}

impl Device {
    pub(crate) fn new(
        context: Arc<Context>,
        sch: Arc<Subchannel<SubchannelData>>,
    ) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let statistics = Arc::new(Statistics::new(), GFP_KERNEL)?;
            let shown = StatsFile::new(statistics.clone(), sch.clone(), &context.debugfs)?;
            let timer = Timer::new(sch.clone(), |sch| {
                if let Ok(mut sch) = sch.lock() {
                    sch.hold_off_is_over();
                }
            });
            let timer = Arc::pin_init(timer, GFP_KERNEL)?;
            let quiescing = {
                let mut sch = sch.lock()?;
                sch.notifier.observer.counts = Counts::default();
                sch.notifier.quiescing.clone()
            };
            let id = sch.device().id();
            let life = Span::new(context.clone(), id, 2, ["create", "remove"]);

            Ok(try_pin_init!(Self {
                context,
                sch,
                statistics,
                timer,
                _shown: shown,
                _life: life,
                pin_cache_pages: Atomic::new(0),
                messages <- RateLimit::new(msecs_to_jiffies(MESSAGE_INTERVAL)),
                io <- new_mutex!(None, "vfio_ccw::io"),
                delivered: Atomic::new(0),
                quiescing,
            }? Error))
        })
    }

    /// Returns how many pages may stay pinned.
    pub(crate) fn pin_cache_pages(&self) -> usize {
        usize::try_from(self.pin_cache_pages.load(Relaxed)).unwrap_or(0)
    }

    /// Sets how many pages may stay pinned, from the next time on that the device is opened.
    ///
    /// Returns `EINVAL` if that is more than there can be, and `EOPNOTSUPP` if the kernel cannot tell
    /// when a page is not the user's any more.
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

    /// Ends the life of the last program: the addresses in status that the user has not taken yet
    /// become the guest's, and the pages are unpinned.
    ///
    /// If the channel may have the program still, the pages are never used again for anything else.
    pub(crate) fn retire(&self, dev: &Open<'_, Self>, io: &mut Io) {
        let may_run = self.sch.lock().is_ok_and(|mut sch| {
            io.write_back(&mut sch);
            sch.may_run()
        });
        if may_run {
            let pages = io.translator.host_addresses().map(quarantine::keep).count();
            dev_err!(
                self.sch.device().as_ref(),
                "{pages} pages of memory are lost, as the device may still use them\n"
            );
        }
        io.release(dev);
    }

    /// Does so with the program that [`quiesce`] has ended. When the program of a request is being
    /// translated instead, whoever does that finds the request void, and unpins what he has pinned.
    fn retire_ended(&self, dev: &Open<'_, Self>) {
        // No translation begins until the subchannel is enabled again.
        let translating = self.sch.lock().is_ok_and(|sch| sch.is_translating());
        if translating {
            return;
        }
        if let Some(io) = Option::as_mut(&mut self.io.lock()) {
            self.retire(dev, io);
            io.drop_all(dev);
        }
    }

    fn enable(&self) -> Result {
        let mut sch = self.sch.lock()?;

        sch.stsch()?;
        sch.enable(&self.context.isc)?;
        if sch.fire(Event::Open).is_err() {
            let _ = sch.disable();
            return Err(ENODEV);
        }
        sch.notifier.opened(self.timer.clone());
        Ok(())
    }

    /// Adds an entry to the log `vfio_ccw_msg`.
    pub(crate) fn log(&self, text: fmt::Arguments<'_>) {
        self.context.log(2, self.sch.device().id(), text);
    }
}

impl Operations for Device {
    const NAME: &'static CStr = c"vfio_ccw";
    const FLAGS: u32 = DEVICE_FLAGS_CCW;
    const REGIONS: u32 = Region::COUNT;
    const IRQS: u32 = 3;

    fn open(dev: &Open<'_, Self>) -> Result {
        let io = Io::new(dev).inspect_err(|e| {
            dev.log(format_args!("open={}", e.to_errno()));
            if dev.messages.allows() {
                dev_warn!(
                    dev.sch.device().as_ref(),
                    "the device cannot be opened, as there is no memory for it: {e:?}\n"
                );
            }
        })?;
        dev.delivered.store(io.shown, Relaxed);
        *dev.io.lock() = Some(io);

        dev.enable().map_err(|e| {
            dev.log(format_args!("open={}", e.to_errno()));
            if dev.messages.allows() {
                dev_warn!(
                    dev.sch.device().as_ref(),
                    "the device cannot be opened, as the subchannel cannot be enabled: {e:?}\n"
                );
            }
            *dev.io.lock() = None;
            EINVAL
        })
    }

    fn close(dev: &Open<'_, Self>) {
        {
            let _one = dev.quiescing.lock();
            // The state tells whether it failed.
            let _ = quiesce(&dev.sch);
        }

        let mut guard = dev.io.lock();
        if let Some(mut io) = guard.take() {
            dev.retire(dev, &mut io);
            io.drop_all(dev);
        }
        drop(dev.sch.lock().map(|mut sch| sch.take_back()));

        let old = dev.sch.lock().map(|mut sch| {
            sch.close();
            let triggers = core::mem::take(&mut sch.notifier.triggers);
            (triggers, sch.notifier.timer.take())
        });
        drop(old);
    }

    fn read(dev: &Open<'_, Self>, position: u64, to: UserSliceWriter) -> Result<usize> {
        let (region, range) = Region::locate(position, to.len())?;

        match region {
            Region::Io => dev.read_io(dev, range, to),
            Region::Async => dev.read_async(range, to),
            Region::Schib => dev.read_schib(range, to),
            Region::Crw => dev.read_crw(range, to),
        }
    }

    fn write(dev: &Open<'_, Self>, position: u64, from: UserSliceReader) -> Result<usize> {
        let (region, range) = Region::locate(position, from.len())?;

        let result = match region {
            Region::Io => dev.write_io(dev, range, from),
            Region::Async => dev.write_async(range, from),
            Region::Schib | Region::Crw => Err(EINVAL),
        };
        result.inspect_err(|&error| dev.statistics.refused(error))
    }

    fn region(index: u32) -> Option<vfio::Region> {
        Region::of_index(index)?.information().ok()
    }

    fn set_irq(dev: &Open<'_, Self>, index: u32, trigger: Trigger) -> Result {
        let irq = *nospec::get(&IRQS, usize::try_from(index)?).ok_or(EINVAL)?;

        let old = triggers::set(&mut *dev.sch.lock()?, irq, trigger);
        drop(old);
        Ok(())
    }

    fn reset(dev: &Open<'_, Self>) -> Result {
        let _one = dev.quiescing.lock();

        dev.statistics.resets.increment();
        quiesce(&dev.sch).map_err(|_| EINVAL)?;
        dev.retire_ended(dev);
        resume(&dev.sch, &dev.context.isc).map_err(|_| EINVAL)
    }

    fn dma_unmap(dev: &Open<'_, Self>, iova: u64, len: u64) {
        // Without waiting for `io`, as memory that is not pinned by this device may be unmapped for
        // another one. If a page of it is being pinned right now, this is called again.
        if dev.statistics.pages_pinned() == 0 {
            return;
        }

        loop {
            let mut guard = dev.io.lock();
            let Some(io) = Option::as_mut(&mut guard) else {
                return;
            };
            if !io.translator.has_pinned(iova, len) {
                io.invalidate(dev, iova, len);
                return;
            }
            let Some(_one) = dev.quiescing.try_lock() else {
                // Whoever has it may be waiting for `io`.
                drop(guard);
                drop(dev.quiescing.lock());
                continue;
            };

            // A device that was given up is not tried again: that takes long, and its pages stay.
            let ends = dev
                .sch
                .lock()
                .is_ok_and(|sch| sch.may_run() && !sch.is_not_operational());
            let ended = if ends {
                dev.statistics.unmaps.increment();
                quiesce(&dev.sch)
            } else {
                Ok(())
            };
            dev.retire(dev, io);
            io.invalidate(dev, iova, len);
            if ends && ended.is_ok() && resume(&dev.sch, &dev.context.isc).is_err() {
                dev_warn!(
                    dev.sch.device().as_ref(),
                    "the device is gone after memory of a running program was unmapped\n"
                );
            }
            return;
        }
    }

    fn request(dev: &vfio::Device<Self>, count: u32) {
        let Ok(mut sch) = dev.sch.lock() else {
            return;
        };
        let can_ask = sch.notifier.triggers.has(Irq::Request);
        sch.notifier.interrupt(Irq::Request);
        let is_gone = sch.is_not_operational() && sch.stsch().is_err();
        drop(sch);

        if is_gone {
            // Nothing uses its program any more, whenever the user lets go of it.
            dev.queue_unmap_all();
        }

        if can_ask && count % REQUESTS_PER_NOTICE == 0 {
            dev_notice!(
                dev.sch.device().as_ref(),
                "Relaying device request to user (#{count})\n"
            );
        } else if !can_ask && count == 0 {
            dev_notice!(
                dev.sch.device().as_ref(),
                "No device request channel registered, blocked until released by user\n"
            );
        }
    }
}
