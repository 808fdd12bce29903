// SPDX-License-Identifier: GPL-2.0

//! Programs that store over their own CCWs and lists.
//!
//! A program whose ORB says that it may be modified ([`Orb::may_be_modified`]) may store over a CCW
//! or a word of a list that the channel has not fetched yet. The host program has a copy from
//! before, which is stale then. So it has a program check in place of such a CCW or word: the
//! program ends where it would use the stale copy. Where it can, it waits until its rest is
//! translated instead (`wait_points.rs`).
//!
//! Most programs store nowhere near their CCWs and lists, so that it is enough to compare the
//! bounds of both. If these meet, the program is written again, and each area that it stores into
//! is compared with its CCWs and lists ([`Exact::Survey`]), after their sizes are known
//! ([`Exact::Lists`]). If some of them overlap, it is written once more, with the program checks
//! ([`Exact::Check`]).
//!
//! The device may store less than the count of a CCW, or the contents that are there. Neither is
//! known before, so each area counts as a whole.
//!
//! [`Orb::may_be_modified`]: crate::orb::Orb::may_be_modified

use crate::{
    memory::Storage,
    orb::Orb,
    prefix::{
        prefix,
        prefix_mut, //
    },
    sort::sort_by_key,
    translator::instance::CcwInstance,
    translator::layout::SlotLayout,
    translator::order::Numbers,
    translator::span::Span, //
};

/// An area that the program may store into, and the time from which on it may have.
#[derive(Clone, Copy, Default)]
struct StoredArea {
    span: Span,
    since: u32,
}

/// The maximum number of areas. A program that stores over more places of its own is checked at
/// some CCWs and words between them, too.
const AREAS: usize = 32;

/// The areas that a program may store into and that overlap its CCWs or lists, and how many of
/// these CCWs and words have a program check in their place.
pub(crate) struct Overwrites<S: Storage> {
    areas: S::Of<StoredArea>,
    len: usize,
    /// The number of CCWs and words with a program check.
    checks: usize,
    /// The guest address of the first one that was found, if there is one.
    first_check: u32,
    /// Set if there may be wait points in place of program checks.
    waits: bool,
}

impl<S: Storage> Overwrites<S> {
    /// Allocates room for the areas.
    pub(crate) fn new() -> Result<Self, S::Error> {
        Ok(Self {
            areas: S::allocate(AREAS)?,
            len: 0,
            checks: 0,
            first_check: 0,
            waits: false,
        })
    }

    /// Sets whether there may be wait points in place of program checks.
    pub(crate) fn set_waits(&mut self, waits: bool) {
        self.waits = waits;
    }

    /// Returns whether there may be wait points in place of program checks.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// Removes all areas.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.checks = 0;
    }

    /// Returns whether there are no areas.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of CCWs and words with a program check, and the guest address of one.
    pub(crate) fn checks(&self) -> (usize, Option<u32>) {
        let first = (self.checks > 0).then_some(self.first_check);
        (self.checks, first)
    }

    /// Adds an area. If there is no room, extends the one that grows least.
    fn add(&mut self, span: Span, since: u32) {
        let known = prefix_mut(&mut self.areas, self.len);
        if known
            .iter()
            .any(|area| area.since <= since && area.span.contains(span))
        {
            return;
        }
        if let Some(area) = self.areas.get_mut(self.len) {
            *area = StoredArea { span, since };
            self.len += 1;
            return;
        }
        let nearest = self
            .areas
            .iter_mut()
            .min_by_key(|area| area.span.growth(span));
        if let Some(area) = nearest {
            area.span = area.span.union(span);
            area.since = area.since.min(since);
        }
    }

    /// Returns whether the program may have stored over `span` when it is fetched at `time`.
    pub(crate) fn is_overwritten(&self, span: Span, time: u32) -> bool {
        prefix(&self.areas, self.len)
            .iter()
            .any(|area| area.since <= time && area.span.overlaps(span))
    }

    /// Counts no program check yet.
    pub(crate) fn restart_count(&mut self) {
        self.checks = 0;
    }

    /// Counts a program check in place of the CCW or word at `address`.
    pub(crate) fn count(&mut self, address: u32) {
        if self.checks == 0 {
            self.first_check = address;
        }
        self.checks += 1;
    }

    /// Marks the CCWs of the program that are overwritten when they are fetched.
    pub(crate) fn mark(&mut self, layout: &mut SlotLayout<S>, numbers: Numbers<'_>) {
        for index in 0..layout.instances().len() {
            for next in layout.next_ccws(index).into_iter().flatten() {
                let Some(address) = layout.available_address(next) else {
                    continue;
                };
                let is_overwritten =
                    self.is_overwritten(Span::of_ccw(address), numbers.time(index));
                // The slot of a TIC whose target is overwritten has a program check. After a TIC,
                // it must be that of a second TIC, however else it is reached.
                let is_check = is_overwritten || layout.are_tics(index, next);
                if is_check && layout.set_overwritten(index, next) && is_overwritten {
                    self.count(address);
                }
            }
        }
    }
}

/// The CCWs and lists of a program, to be found by guest address.
pub(crate) struct FetchedWords<'a> {
    /// By ascending guest address.
    ccws: &'a [CcwInstance],
    /// The first addresses of lists, ascending.
    lists: &'a [u32],
    /// The greatest last address of the lists up to this one.
    ends: &'a [u32],
}

impl<'a> FetchedWords<'a> {
    /// Finds the CCWs and lists of a program. `last` has the last address of the list of each CCW,
    /// or zero if it has none. All arguments have as many items as there are CCWs; the others are
    /// working memory.
    pub(crate) fn new<S: Storage>(
        layout: &'a SlotLayout<S>,
        last: &[u32],
        lists: &'a mut [u32],
        ends: &'a mut [u32],
    ) -> Self {
        let ccws = layout.instances();
        let first = |index: u32| ccws.get(index as usize).map_or(0, |ccw| ccw.ccw().address);
        let mut len = 0;
        for (index, _) in (0..).zip(last).filter(|(_, last)| **last > 0) {
            if let Some(list) = lists.get_mut(len) {
                *list = index;
                len += 1;
            }
        }
        let (lists, ends) = (prefix_mut(lists, len), prefix_mut(ends, len));
        sort_by_key(lists, ends, |index| first(*index).into());
        let mut greatest = 0;
        for (list, end) in lists.iter_mut().zip(ends.iter_mut()) {
            greatest = last
                .get(*list as usize)
                .copied()
                .max(Some(greatest))
                .unwrap_or(0);
            *end = greatest;
            *list = first(*list);
        }
        Self { ccws, lists, ends }
    }

    /// Returns whether a CCW or a list has a byte in common with `span`.
    fn overlaps(&self, span: Span) -> bool {
        let ccw = self
            .ccws
            .partition_point(|ccw| Span::of_ccw(ccw.address).last < span.first);
        let lists = self
            .lists
            .partition_point(|first| u64::from(*first) <= span.last);
        let end = lists.checked_sub(1).and_then(|last| self.ends.get(last));
        self.ccws
            .get(ccw)
            .is_some_and(|ccw| Span::of_ccw(ccw.address).overlaps(span))
            || end.is_some_and(|end| u64::from(*end) >= span.first)
    }
}

/// The work for each store and each word of a list while a program is written.
pub(crate) enum Exact<'a, S: Storage> {
    /// The last address of the list of each CCW is recorded.
    Lists(&'a mut [u32]),
    /// An area that overlaps these CCWs or lists is recorded.
    Survey(Numbers<'a>, FetchedWords<'a>, &'a mut Overwrites<S>),
    /// An overwritten word is replaced by a program check.
    Check(Numbers<'a>, &'a mut Overwrites<S>),
}

/// The stores and the lists of a program, while it is written.
pub(crate) struct StoreWatch<'a, S: Storage> {
    /// Set if the program may be modified while it runs.
    is_on: bool,
    /// The bounds of what it stores into.
    stored: Span,
    /// The bounds of its lists.
    lists: Span,
    exact: Option<Exact<'a, S>>,
    /// The index of the current CCW.
    index: usize,
}

impl<'a, S: Storage> StoreWatch<'a, S> {
    /// Begins the program of `orb`.
    #[inline]
    pub(crate) fn new(orb: &Orb, exact: Option<Exact<'a, S>>) -> Self {
        Self {
            is_on: orb.may_be_modified(),
            stored: Span::EMPTY,
            lists: Span::EMPTY,
            exact,
            index: 0,
        }
    }

    /// Makes CCW `index` the current one.
    #[inline(always)]
    pub(crate) fn set_index(&mut self, index: usize) {
        self.index = index;
    }

    /// Returns whether the program may be modified while it runs.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Records that the current CCW may store into `span`.
    #[inline(always)]
    pub(crate) fn store(&mut self, span: Span) {
        if self.is_on {
            // As a rule, programs store toward higher addresses.
            if span.first < self.stored.first {
                self.stored.first = span.first;
            }
            if span.last > self.stored.last {
                self.stored.last = span.last;
            }
            if self.is_exact() {
                self.survey(span);
            }
        }
    }

    /// Returns whether each store and each word of a list matters, and not only their bounds.
    #[inline(always)]
    pub(crate) fn is_exact(&self) -> bool {
        self.exact.is_some()
    }

    #[cold]
    fn survey(&mut self, span: Span) {
        if let Some(Exact::Survey(numbers, fetched, overwrites)) = &mut self.exact {
            if fetched.overlaps(span) {
                overwrites.add(span, numbers.time(self.index));
            }
        }
    }

    /// Adds blocks of `size` bytes to the bounds of what the program stores into. `blocks` has
    /// their addresses, which are those of their last bytes if `backward` is set.
    #[inline]
    pub(crate) fn add_bounds(&mut self, mut blocks: Span, size: u64, backward: bool) {
        if blocks.is_empty() {
            return;
        }
        if backward {
            blocks.first = blocks.first.saturating_sub(size - 1);
        } else {
            blocks.last = blocks.last.saturating_add(size - 1);
        }
        self.stored = self.stored.union(blocks);
    }

    /// Records the list of the current CCW.
    #[inline]
    pub(crate) fn list(&mut self, span: Span) {
        self.lists = self.lists.union(span);
        if let Some(Exact::Lists(last)) = &mut self.exact {
            if let Some(last) = last.get_mut(self.index) {
                // CCWs contain no greater address, and lists have at most 4 KiB.
                *last = span.last as u32;
            }
        }
    }

    /// Returns whether the program may store over its lists or the CCWs in `ccws`, by the bounds.
    #[inline]
    pub(crate) fn meets(&self, ccws: Span) -> bool {
        // Most programs store nothing.
        !self.stored.is_empty() && (self.stored.overlaps(ccws) || self.stored.overlaps(self.lists))
    }

    /// Returns whether this word of a list of the current CCW is overwritten when the channel
    /// fetches it. Counts it then.
    #[inline(always)]
    pub(crate) fn is_overwritten(&mut self, span: Span) -> bool {
        self.is_exact() && self.check(span)
    }

    #[cold]
    fn check(&mut self, span: Span) -> bool {
        let Some(Exact::Check(numbers, overwrites)) = &mut self.exact else {
            return false;
        };
        let is_overwritten = overwrites.is_overwritten(span, numbers.time_of_list(self.index));
        if is_overwritten {
            // CCWs contain no greater address.
            overwrites.count(span.first as u32);
        }
        is_overwritten
    }
}
