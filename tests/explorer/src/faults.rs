// SPDX-License-Identifier: GPL-2.0

//! Wrong drivers, each of which must be found.

/// What is wrong with a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A program is started though its request has become void.
    StartsUnchecked,
    /// The state says that a program was started when the lock was given up since.
    StartedLater,
    /// The pages of the last program stay until the next is translated.
    StartKeepsTheOld,
    /// A start that fails does not unpin.
    FailedStartKeepsPins,
    /// A start that fails stays in the state.
    NeverCancels,
    /// A start is over when neither channel nor device is active.
    EndsByActivity,
    /// The ending status of any start unpins, not only that of the last.
    AnyEndUnpins,
    /// The read of the ending status does not unpin.
    EndKeepsPins,
    /// Status that waits keeps the addresses of a program that nobody knows any more.
    UnpinsWithoutWritingBack,
    /// Status is the user's before the user has it.
    CopiedEarly,
    /// Only the first status is announced.
    NeverAnnouncesAgain,
    /// A report that could not be delivered is gone.
    LosesReports,
    /// A reset does not unpin.
    ResetKeepsPins,
    /// Memory of a running program is let go of at once.
    UnmapsRunning,
    /// Two resets at the same time.
    QuiescesTogether,
    /// A reset leaves the answers to what it has ended.
    QuiesceKeepsAnswers,
    /// Nobody waits for the end of the program.
    QuiescesWithoutWaiting,
    /// A device that does not halt is not cleared.
    QuiescesByHaltOnly,
    /// Status and reports stay for the next user.
    CloseKeepsStatus,
    /// A reset that comes while another call has the mutex `io` leaves pins to the next start.
    ResetUnpinsLater,
    /// A read that ends late takes for delivered what another one shows.
    CopiesAnother,
    /// The interrupt that comes during the last wait for one is not looked at.
    GivesUpTooSoon,
    /// Any interrupt ends the wait for the answer to a halt or clear, and so uses up a step.
    AnyInterruptIsAnAnswer,
    /// The answer to a former halt or clear is taken for that to the next.
    BelievesOldAnswers,
    /// A program is started though so much status has come since its request.
    StartsWithoutRoom,
    /// Status that was not announced at first is not announced later.
    TimerIsIgnored,
    /// Status is announced while other is on its way to the guest.
    AnnouncesTooSoon,
    /// Pages that the channel may still use are given back.
    GivesBackWhatMayRun,
    /// The host goes down without waiting for who ends what the subchannel is doing.
    ShutsDownBeside,
    /// A subchannel that is not to be used stays enabled.
    StaysEnabled,
    /// Status that goes on with what the guest may not have tested takes the place of that.
    ReplacesUntested,
    /// Disabling the subchannel drops status that is pending.
    DisablingDropsStatus,
    /// A path event clears what it cannot halt.
    PathEventClears,
}

impl Fault {
    pub(crate) const ALL: [Self; 33] = [
        Self::StartsUnchecked,
        Self::StartedLater,
        Self::StartKeepsTheOld,
        Self::FailedStartKeepsPins,
        Self::NeverCancels,
        Self::EndsByActivity,
        Self::AnyEndUnpins,
        Self::EndKeepsPins,
        Self::UnpinsWithoutWritingBack,
        Self::CopiedEarly,
        Self::NeverAnnouncesAgain,
        Self::LosesReports,
        Self::ResetKeepsPins,
        Self::UnmapsRunning,
        Self::QuiescesTogether,
        Self::QuiesceKeepsAnswers,
        Self::QuiescesWithoutWaiting,
        Self::QuiescesByHaltOnly,
        Self::CloseKeepsStatus,
        Self::ResetUnpinsLater,
        Self::CopiesAnother,
        Self::GivesUpTooSoon,
        Self::AnyInterruptIsAnAnswer,
        Self::BelievesOldAnswers,
        Self::StartsWithoutRoom,
        Self::TimerIsIgnored,
        Self::AnnouncesTooSoon,
        Self::GivesBackWhatMayRun,
        Self::ShutsDownBeside,
        Self::StaysEnabled,
        Self::ReplacesUntested,
        Self::DisablingDropsStatus,
        Self::PathEventClears,
    ];
}
