// SPDX-License-Identifier: GPL-2.0

//! No page is pinned when a thread that unmaps memory of type1 returns, whatever the driver pins
//! meanwhile.

use loom::{
    sync::{
        Arc,
        Mutex, //
    },
    thread, //
};

use crate::{
    explore,
    pin_exclusion::PinExclusion,
    pin_gate::PinGate, //
};

/// The data under the main lock of type1.
struct Type1 {
    is_mapped: bool,
    pins: u64,
}

impl Type1 {
    /// Pins a page, if it is mapped.
    fn pin(&mut self) -> bool {
        self.pins += u64::from(self.is_mapped);
        self.is_mapped
    }
}

struct Device {
    type1: Mutex<Type1>,
    exclusion: PinExclusion,
    gate: PinGate,
    /// The pages that the program of the session has pinned. The mutex is that of the session.
    session: Mutex<u64>,
}

impl Device {
    fn new() -> Self {
        Self {
            type1: Mutex::new(Type1 {
                is_mapped: true,
                pins: 0,
            }),
            exclusion: PinExclusion::new(),
            gate: PinGate::new(),
            session: Mutex::new(0),
        }
    }

    /// Translates a program with one page, as `drivers/ops/io.rs` does.
    fn start(&self) {
        let mut pinned = self.session.lock().unwrap();
        self.gate.about_to_pin();
        *pinned += u64::from(self.pin_page());
        self.gate.set(usize::try_from(*pinned).unwrap());
    }

    /// Pins a page, as `mdev/vfio/open.rs` does. Returns whether it is pinned.
    fn pin_page(&self) -> bool {
        let _pinning = self.exclusion.begin_pin();
        if !self.exclusion.allows_pins() {
            return false;
        }
        if !self.type1.lock().unwrap().pin() {
            return false;
        }
        let stays = self.exclusion.allows_pins();
        if !stays {
            self.type1.lock().unwrap().pins -= 1;
        }
        stays
    }

    /// Pins a page and unpins it again, as `mdev/vfio/open.rs` does to find out whether it can.
    fn try_pin(&self) {
        let _pinning = self.exclusion.begin_pin();
        if self.pin_page() {
            self.type1.lock().unwrap().pins -= 1;
        }
    }

    /// Unpins all pages, as `drivers/ops/unmap.rs` does.
    fn dma_unmap(&self) {
        if self.gate.may_have_pins() {
            let mut pinned = self.session.lock().unwrap();
            self.type1.lock().unwrap().pins -= *pinned;
            *pinned = 0;
            self.gate.set(0);
        }
    }

    /// Unmaps the memory, as type1 and `mdev/vfio/unmap.rs` do.
    fn unmap(device: &Arc<Self>) {
        device.exclusion.begin_unmap();
        device.exclusion.set_pending(true);
        let work = {
            let this = Arc::clone(device);
            thread::spawn(move || {
                this.dma_unmap();
                this.exclusion.set_pending(false);
            })
        };
        work.join().unwrap();
        while device.exclusion.is_pinning() {
            thread::yield_now();
        }
        {
            let mut type1 = device.type1.lock().unwrap();
            assert_eq!(type1.pins, 0, "a page of the memory is pinned");
            type1.is_mapped = false;
        }
        device.exclusion.end_unmap();
    }
}

/// Unmaps the memory while another thread uses the device.
fn unmap_while(device: &Arc<Device>, used: fn(&Device)) {
    let user = {
        let device = Arc::clone(device);
        thread::spawn(move || used(&device))
    };
    Device::unmap(device);
    user.join().unwrap();
}

#[test]
fn no_page_is_pinned_after_an_unmap() {
    explore(|| {
        let device = Arc::new(Device::new());
        unmap_while(&device, Device::start);
        assert_eq!(device.type1.lock().unwrap().pins, 0);
        assert!(!device.exclusion.is_pinning() && device.exclusion.allows_pins());
    });
}

#[test]
fn pages_that_were_pinned_before_are_unpinned() {
    explore(|| {
        let device = Arc::new(Device::new());
        device.start();
        assert_eq!(device.type1.lock().unwrap().pins, 1);
        unmap_while(&device, Device::start);
        assert_eq!(device.type1.lock().unwrap().pins, 0);
    });
}

#[test]
fn no_page_is_pinned_for_a_moment_either() {
    explore(|| {
        let device = Arc::new(Device::new());
        // The unmap does not wait for the session.
        unmap_while(&device, Device::try_pin);
    });
}
