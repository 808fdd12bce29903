// SPDX-License-Identifier: GPL-2.0

//! The state machine of the driver, built on a host: the same files as in the module.

#[allow(dead_code)]
#[path = "../../../drivers/crw_queue.rs"]
mod crw_queue;
#[allow(dead_code)]
#[path = "../../../drivers/fsm.rs"]
mod fsm;
#[allow(dead_code)]
#[path = "../../../drivers/irb_queue.rs"]
mod irb_queue;
#[allow(dead_code)]
#[path = "../../../drivers/ring.rs"]
mod ring;
#[allow(dead_code)]
#[path = "../../../drivers/state.rs"]
mod state;
