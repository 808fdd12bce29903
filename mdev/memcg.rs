// SPDX-License-Identifier: GPL-2.0

//! Memory cgroups: to whom memory is charged.
//!
//! C headers: [`include/linux/memcontrol.h`](srctree/include/linux/memcontrol.h),
//! [`include/linux/sched/mm.h`](srctree/include/linux/sched/mm.h)

use crate::bindings;
use kernel::types::NotThreadSafe;

/// A memory cgroup.
///
/// # Invariants
///
/// The value owns a reference to the cgroup `raw`. It is null if the kernel charges no memory.
pub struct Memcg {
    raw: *mut bindings::mem_cgroup,
}

// SAFETY: A reference to a cgroup does not belong to a thread.
unsafe impl Send for Memcg {}

// SAFETY: A shared reference only makes threads charge memory to the cgroup, which has its own
// locks.
unsafe impl Sync for Memcg {}

impl Memcg {
    /// Returns the cgroup to which the memory of the current process is charged.
    pub fn current() -> Self {
        // INVARIANT: The call takes a reference.
        // SAFETY: The function has no requirements.
        let raw = unsafe { bindings::mdev_current_memcg() };
        Self { raw }
    }

    /// Charges the memory that `allocate` allocates with `GFP_KERNEL_ACCOUNT` to the cgroup, in
    /// whichever thread this is.
    pub fn charge<R>(&self, allocate: impl FnOnce() -> R) -> R {
        // SAFETY: By the type invariants, `raw` is null or a valid cgroup. It is until `_scope` is
        // dropped, as `self` is borrowed.
        let before = unsafe { bindings::mdev_charge_memcg(self.raw) };
        let _scope = Scope {
            before,
            _not_send: NotThreadSafe,
        };
        allocate()
    }
}

impl Drop for Memcg {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the value owns a reference.
        unsafe { bindings::mdev_put_memcg(self.raw) };
    }
}

/// A time in which the current thread charges its memory to another cgroup.
///
/// # Invariants
///
/// The thread charged its memory to `before` when the value was created.
struct Scope {
    before: *mut bindings::mem_cgroup,
    _not_send: NotThreadSafe,
}

impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the thread charged its memory to `before` when this scope
        // began. Scopes of a thread nest, so that the one in which that was set has not ended, and
        // `before` is valid.
        unsafe { bindings::mdev_charge_memcg(self.before) };
    }
}
