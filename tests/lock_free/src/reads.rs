// SPDX-License-Identifier: GPL-2.0

//! No IRB is lost or read twice when several threads read region 0, and some copies to the user
//! fail.

use loom::{
    sync::{
        Arc,
        Mutex, //
    },
    thread, //
};

use crate::{
    explore,
    status_seq::StatusSeq, //
};

/// The number of IRBs in the queue of the subchannel.
const IRBS: u64 = 2;

/// The data under the mutex of the session.
struct Session {
    queued: u64,
    /// The IRB in region 0, or zero before the first.
    region: u64,
}

struct Device {
    session: Mutex<Session>,
    seq: StatusSeq,
    /// The IRBs that the user has copies of, in the order of the copies.
    copies: std::sync::Mutex<Vec<u64>>,
}

impl Device {
    fn new() -> Self {
        let seq = StatusSeq::new();
        seq.restart();
        Self {
            session: Mutex::new(Session {
                queued: IRBS,
                region: 0,
            }),
            seq,
            copies: std::sync::Mutex::default(),
        }
    }

    /// Reads region 0, as `drivers/ops/io.rs` does. The copy to the user fails if `copies` is false.
    fn read(&self, copies: bool) {
        let (irb, seq) = {
            let mut session = self.session.lock().unwrap();
            if self.seq.is_copied() && session.queued > 0 {
                let copied = self.copies.lock().unwrap();
                assert!(
                    session.region == 0 || copied.contains(&session.region),
                    "IRB {} is lost",
                    session.region
                );
                session.queued -= 1;
                session.region += 1;
                self.seq.advance();
            }
            (session.region, self.seq.current())
        };
        if copies {
            self.copies.lock().unwrap().push(irb);
            self.seq.mark_copied(seq);
        }
    }
}

/// Has threads read at the same time, each as often as it has items, which tell whether the copy
/// succeeds. Afterwards one thread reads what is left.
fn read_all(threads: &'static [&'static [bool]]) {
    explore(move || {
        let device = Arc::new(Device::new());
        let threads: Vec<_> = threads
            .iter()
            .map(|reads| {
                let device = Arc::clone(&device);
                thread::spawn(move || reads.iter().for_each(|copies| device.read(*copies)))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let region = device.session.lock().unwrap().region;
        let has_copy = region == 0 || device.copies.lock().unwrap().contains(&region);
        assert_eq!(device.seq.is_copied(), has_copy, "of IRB {region}");
        for _ in 0..=IRBS {
            device.read(true);
        }
        let copies = device.copies.lock().unwrap();
        for irb in 1..=IRBS {
            assert!(copies.contains(&irb), "IRB {irb} is lost: {copies:?}");
        }
        assert!(device.seq.is_copied());
    });
}

#[test]
fn two_threads_read_each_irb() {
    read_all(&[&[true, true], &[true]]);
}

#[test]
fn an_irb_whose_copy_fails_is_read_again() {
    read_all(&[&[false, true], &[true, false]]);
}

#[test]
fn three_threads_read_at_the_same_time() {
    read_all(&[&[true], &[false], &[true]]);
}
