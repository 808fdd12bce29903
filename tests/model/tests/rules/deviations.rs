// SPDX-License-Identifier: GPL-2.0

//! Each deviation has the effect of its name, and there is no such effect without it.

use model::channel::{
    Ccw,
    Deviations,
    Event,
    Run,
    Step,
    Use, //
};

use crate::program::{
    ccw,
    Program,
    DATA,
    LIST,
    PROGRAM, //
};

/// Returns a channel with one deviation.
fn channel(set: impl Fn(&mut Deviations)) -> Deviations {
    let mut deviations = Deviations::NONE;
    set(&mut deviations);
    deviations
}

/// Returns the codes of the commands that the device received.
fn commands(run: &Run) -> Vec<u8> {
    let command = |event: &Event| match event {
        Event::Command { code, .. } => Some(*code),
        Event::Interruption(_) => None,
    };
    run.events.iter().filter_map(command).collect()
}

/// Returns a read that chains data to a CCW with the code of a write, in another page.
fn data_chain(flags: u8) -> Program {
    Program::with(&[
        ccw(0x02, Ccw::CD | flags, 4, DATA),
        ccw(0x01, 0, 4, DATA + 0x1000),
    ])
}

#[test]
fn chain_data_that_is_ignored_ends_the_command_or_chains_commands() {
    let deviations = channel(|d| d.ignores_chain_data = true);
    let run = data_chain(0).run_on(&deviations, &[Step::moves(4)]);
    assert_eq!(commands(&run), [0x02]);
    let run = data_chain(Ccw::CC).run_on(&deviations, &[Step::moves(4)]);
    assert_eq!(commands(&run), [0x02, 0x01]);
    let run = data_chain(Ccw::CC).run(&[Step::moves(8)]);
    assert_eq!(commands(&run), [0x02]);
}

#[test]
fn chain_data_is_dropped_only_where_a_command_ends_at_once() {
    let deviations = channel(|d| d.drops_chain_data_at_once = true);
    let run = data_chain(Ccw::CC | Ccw::SLI).run_on(&deviations, &[Step::immediate()]);
    assert_eq!(commands(&run), [0x02, 0x01]);
    let run = data_chain(Ccw::CC).run_on(&deviations, &[Step::moves(8)]);
    assert_eq!(commands(&run), [0x02]);
    let run = data_chain(Ccw::CC | Ccw::SLI).run(&[Step::immediate()]);
    assert_eq!(commands(&run), [0x02]);
}

#[test]
fn a_data_chain_can_be_run_as_commands() {
    let deviations = channel(|d| d.chains_data_as_commands = true);
    let run = data_chain(0).run_on(&deviations, &[Step::moves(4)]);
    assert_eq!(commands(&run), [0x02, 0x01]);
}

#[test]
fn the_codes_of_a_data_chain_can_say_how_data_moves() {
    let mut program = data_chain(0);
    program.run_on(
        &channel(|d| d.takes_chained_codes = true),
        &[Step::moves(8)],
    );
    assert_eq!(program.get(DATA.into(), 4), [1, 2, 3, 4]);
    assert_eq!(program.get(u64::from(DATA) + 0x1000, 4), [0; 4], "fetched");
    let mut program = data_chain(0);
    program.run(&[Step::moves(8)]);
    assert_eq!(program.get(u64::from(DATA) + 0x1000, 4), [5, 6, 7, 8]);
}

#[test]
fn what_is_to_be_skipped_can_be_stored() {
    let deviations = channel(|d| d.ignores_skip = true);
    let mut program = Program::with(&[ccw(0x02, Ccw::SKIP, 4, DATA)]);
    program.run_on(&deviations, &[Step::moves(4)]);
    assert_eq!(program.get(DATA.into(), 4), [1, 2, 3, 4]);

    // With a MIDAW, even across the end of a page.
    let midaw = [0xc0 << 16 | 4, u64::from(DATA) + 0xffc];
    let ccws = [ccw(0x02, Ccw::MIDA, 4, LIST)];
    let mut program = Program::with(&ccws)
        .list(&midaw)
        .request(|request| request.midaws = true);
    program.run_on(&deviations, &[Step::moves(4)]);
    assert_eq!(program.data_used(), [(u64::from(DATA) + 0xffc, 4)]);
    let mut program = Program::with(&ccws)
        .list(&midaw)
        .request(|request| request.midaws = true);
    program.run(&[Step::moves(4)]);
    assert_eq!(program.data_used(), []);
}

#[test]
fn a_read_backward_can_go_upward() {
    let mut program = Program::with(&[ccw(0x0c, 0, 4, DATA + 3)]);
    program.run_on(
        &channel(|d| d.reads_backward_upward = true),
        &[Step::moves(4)],
    );
    assert_eq!(program.get(u64::from(DATA) + 3, 4), [1, 2, 3, 4]);
}

#[test]
fn a_list_of_midaws_can_continue_after_the_last() {
    let list = [
        0x80 << 16 | 4,
        u64::from(DATA),
        0x80 << 16 | 4,
        u64::from(DATA) + 0x1000,
    ];
    let program = || {
        Program::with(&[ccw(0x02, Ccw::MIDA, 8, LIST)])
            .list(&list)
            .request(|request| request.midaws = true)
    };
    let mut deviating = program();
    deviating.run_on(&channel(|d| d.ignores_last = true), &[Step::moves(8)]);
    assert_eq!(deviating.data_used().len(), 2);
    let mut strict = program();
    strict.run(&[Step::moves(8)]);
    assert_eq!(strict.data_used(), [], "a program check before");
}

#[test]
fn one_more_can_be_fetched_than_is_used() {
    let ccws = [ccw(0x02, Ccw::IDA, 4, LIST)];
    let program = || Program::with(&ccws).list(&[u64::from(DATA)]);
    let fetched = |program: &Program, purpose| {
        let mut addresses: Vec<u64> = program
            .used
            .iter()
            .filter(|(what, ..)| *what == purpose)
            .map(|(_, address, _)| *address)
            .collect();
        addresses.dedup();
        addresses
    };
    let (cpa, list) = (u64::from(PROGRAM), u64::from(LIST));

    let mut lists = program();
    lists.run_on(
        &channel(|d| d.fetches_lists_ahead = true),
        &[Step::moves(4)],
    );
    assert_eq!(fetched(&lists, Use::Idaw), [list, list + 8]);
    assert_eq!(fetched(&lists, Use::Ccw), [cpa]);
    let mut ccws = program();
    ccws.run_on(&channel(|d| d.fetches_ccws_ahead = true), &[Step::moves(4)]);
    assert_eq!(fetched(&ccws, Use::Idaw), [list]);
    assert_eq!(fetched(&ccws, Use::Ccw), [cpa, cpa + 8]);
}

#[test]
fn there_is_a_channel_for_each() {
    let all: Vec<Deviations> = Deviations::each().collect();
    for (number, one) in all.iter().enumerate() {
        assert_ne!(*one, Deviations::NONE);
        assert!(!all[..number].contains(one), "{one} comes twice");
    }
    assert!(all.contains(&Deviations::ALL));
    assert_eq!(Deviations::NONE.to_string(), "conforms to the architecture");
}
