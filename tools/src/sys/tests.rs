// SPDX-License-Identifier: GPL-2.0

use std::{
    io::Write,
    os::fd::AsFd, //
};

use super::*;

const PAGE: usize = memory::PAGE;

fn first_byte(memory: &Memory, page: usize) -> u8 {
    let mut byte = [0];
    memory.read(page * PAGE, &mut byte);
    byte[0]
}

#[test]
fn an_eventfd_is_readable_after_a_signal() {
    let mut eventfd = eventfd().unwrap();
    assert!(!wait_readable(eventfd.as_fd(), Duration::from_millis(1)).unwrap());
    eventfd.write_all(&1_u64.to_ne_bytes()).unwrap();
    assert!(wait_readable(eventfd.as_fd(), Duration::MAX).unwrap());
}

#[test]
fn pages_are_discarded_replaced_and_moved() {
    let memory = Memory::anonymous(3 * PAGE).unwrap();
    for page in 0..3 {
        memory.write(page * PAGE, b"abc"[page..].get(..1).unwrap());
    }
    memory.discard(0).unwrap();
    memory.move_page(PAGE, 2 * PAGE).unwrap();
    let bytes = [0, 1, 2].map(|page| first_byte(&memory, page));
    assert_eq!(bytes, [0, 0, b'b']);
    memory.replace(2 * PAGE).unwrap();
    assert_eq!(first_byte(&memory, 2), 0);
}

#[test]
fn the_kernel_cannot_use_what_is_behind_an_edge() {
    let zeros = File::open("/dev/zero").unwrap();
    let edge = Edge::new(b"data").unwrap();
    assert_eq!(pread_edge(zeros.as_fd(), &edge, 2, 0).unwrap(), 2);
    assert_eq!(edge.bytes(), b"\0\0ta");
    for result in [
        pread_null(zeros.as_fd(), 1, 0),
        pwrite_null(eventfd().unwrap().as_fd(), 8, 0),
    ] {
        result.unwrap_err();
    }
}

#[test]
#[should_panic = "beyond the 4096 bytes"]
fn memory_has_an_end() {
    Memory::anonymous(PAGE).unwrap().write(PAGE - 1, &[1, 2]);
}

#[test]
fn limits_can_be_set_and_lifted() {
    set_lock_limit(Some(PAGE_SIZE)).unwrap();
    set_lock_limit(None).unwrap();
    run_on(usize::MAX).unwrap_err();
    kill_group(0).unwrap_err();
}
