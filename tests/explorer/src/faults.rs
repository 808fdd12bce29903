// SPDX-License-Identifier: GPL-2.0

//! Faults in the driver, each of which the explorer must find.

/// A fault in the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A program is started though its request was cancelled.
    StartsUnchecked,
    /// `Started` is fired only after the lock was released since START SUBCHANNEL.
    StartedLater,
    /// The pages of the last program stay until the next is translated.
    StartKeepsTheOld,
    /// A start that fails does not unpin its pages.
    FailedStartKeepsPins,
    /// A start that fails does not cancel its request.
    NeverCancels,
    /// A start function ends when neither channel nor device is active.
    EndsByActivity,
    /// The IRB that ends any start function unpins the program, not only that of the last.
    AnyEndUnpins,
    /// The read of the IRB that ends the program does not unpin it.
    EndKeepsPins,
    /// IRBs that wait keep addresses of a host program which the translator has dropped.
    UnpinsWithoutWritingBack,
    /// An IRB is marked as copied before the copy.
    CopiedEarly,
    /// Only the first IRB is announced.
    NeverAnnouncesAgain,
    /// A report whose copy to the user has failed is lost.
    LosesReports,
    /// A reset does not unpin the program.
    ResetKeepsPins,
    /// An unmap unpins memory of a running program at once.
    UnmapsRunning,
    /// Two threads quiesce at the same time.
    QuiescesTogether,
    /// A reset keeps the solicited IRBs.
    QuiesceKeepsSolicited,
    /// A quiesce does not wait for the end of the program.
    QuiescesWithoutWaiting,
    /// A quiesce does not clear a device that does not halt.
    QuiescesByHaltOnly,
    /// A close keeps IRBs and reports for the next user.
    CloseKeepsStatus,
    /// A reset while another call holds the mutex `session` leaves the pages pinned until the next
    /// start.
    ResetUnpinsLater,
    /// A read that ends late marks as copied the IRB of another read.
    CopiesAnother,
    /// A quiesce gives up before it looks at the last interrupt.
    GivesUpTooSoon,
    /// Any interrupt ends the wait for the end of a halt or clear function, and so uses up a step.
    AnyInterruptEndsTheWait,
    /// The end of an earlier halt or clear function ends the wait for the next.
    BelievesEarlierEnds,
    /// A program is started though the queue of IRBs has filled since its request.
    StartsWithoutRoom,
    /// The end of the hold-off announces nothing.
    TimerIsIgnored,
    /// An IRB is announced while the guest may not have tested the one before.
    AnnouncesTooSoon,
    /// Pages that the channel may still use are unpinned.
    GivesBackWhatMayRun,
    /// A shutdown does not wait for a thread that quiesces.
    ShutsDownBeside,
    /// A subchannel that must not be used stays enabled.
    StaysEnabled,
    /// An IRB that continues one which the guest may not have tested overwrites it.
    ReplacesUntested,
    /// Disabling the subchannel drops pending status.
    DisablingDropsStatus,
    /// A path event clears a program that it cannot halt.
    PathEventClears,
    /// The pages of a suspended program are unpinned before it is resumed.
    UnpinsTheSuspended,
    /// The pages of a program that was resumed stay pinned.
    ResumeKeepsTheOld,
    /// A thread whose request to resume was cancelled by a reset leaves the pages pinned.
    CancelledResumeKeepsPins,
    /// A work item that was overtaken by a reset leaves the pages pinned.
    CancelledRestKeepsPins,
    /// A program continues with its rest though it has ended.
    ContinuesWhatIsOver,
}

impl Fault {
    pub(crate) const ALL: [Self; 38] = [
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
        Self::QuiesceKeepsSolicited,
        Self::QuiescesWithoutWaiting,
        Self::QuiescesByHaltOnly,
        Self::CloseKeepsStatus,
        Self::ResetUnpinsLater,
        Self::CopiesAnother,
        Self::GivesUpTooSoon,
        Self::AnyInterruptEndsTheWait,
        Self::BelievesEarlierEnds,
        Self::StartsWithoutRoom,
        Self::TimerIsIgnored,
        Self::AnnouncesTooSoon,
        Self::GivesBackWhatMayRun,
        Self::ShutsDownBeside,
        Self::StaysEnabled,
        Self::ReplacesUntested,
        Self::DisablingDropsStatus,
        Self::PathEventClears,
        Self::UnpinsTheSuspended,
        Self::ResumeKeepsTheOld,
        Self::CancelledResumeKeepsPins,
        Self::CancelledRestKeepsPins,
        Self::ContinuesWhatIsOver,
    ];
}
