/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions for what Rust can neither call nor name: inline functions, macros,
 * per-CPU data, bit fields, and instructions.
 */
#ifndef MDEV_HELPERS_H
#define MDEV_HELPERS_H

#include <linux/completion.h>
#include <linux/eventfd.h>
#include <linux/mdev.h>
#include <linux/mm_types.h>
#include <linux/ratelimit_types.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

#include "chp.h"
#include "css.h"

/* An interruption-response block without its extended-measurement word. */
#define MDEV_IRB_LEN 64

unsigned long mdev_sch_lock(struct subchannel *sch);
void mdev_sch_unlock(struct subchannel *sch, unsigned long flags);
bool mdev_sch_lock_irq(struct subchannel *sch);
void mdev_sch_unlock_irq(struct subchannel *sch);
u32 mdev_sch_id(const struct subchannel *sch);
bool mdev_sch_qdio(const struct subchannel *sch);
u8 mdev_sch_varied_on(const struct subchannel *sch);
bool mdev_sch_has_path_type(const struct subchannel *sch, u8 type);
u8 mdev_sch_paths(const struct subchannel *sch);
u8 mdev_sch_last_path(const struct subchannel *sch);
void mdev_sch_schib(const struct subchannel *sch, void *to, size_t len);
bool mdev_sch_in_transition(struct subchannel *sch);
u8 mdev_chp_mask(struct subchannel *sch, struct chp_link *link);
u8 mdev_chp_id(const struct chp_link *link);
int mdev_hsch(struct subchannel *sch);
int mdev_csch(struct subchannel *sch);
void mdev_sch_configure(struct subchannel *sch, unsigned int isc);
int mdev_sch_disable(struct subchannel *sch);
bool mdev_tsch(struct subchannel *sch, u8 (*irb)[MDEV_IRB_LEN]);
int mdev_ssch(struct subchannel *sch, const void *orb);
void mdev_cio_irb(u8 (*irb)[MDEV_IRB_LEN]);
u32 mdev_sch_intparm(struct subchannel *sch);
void mdev_pages_to_phys(u64 *pages, size_t count);
void mdev_keep_page(u64 address);
void *mdev_realloc_charged(const void *old, size_t size, unsigned long align);
int mdev_alloc_low_pages(struct page **pages, unsigned int order);
u64 mdev_page_address(const struct page *page);
struct mem_cgroup *mdev_current_memcg(void);
void mdev_put_memcg(struct mem_cgroup *memcg);
struct mem_cgroup *mdev_charge_memcg(struct mem_cgroup *memcg);
void *mdev_vmap(struct page **pages, unsigned int count);
void mdev_vunmap(const void *address);
size_t mdev_index_nospec(size_t index, size_t size);
void mdev_eventfd_signal(struct eventfd_ctx *ctx);
void mdev_vfio_put_device(struct vfio_device *vdev);
void mdev_vfio_get_device(struct vfio_device *vdev);
bool mdev_vfio_is_attached(const struct vfio_device *vdev);
void mdev_reinit_completion(struct completion *x);
void mdev_init_work(struct work_struct *work, work_func_t func);
void mdev_queue_work(struct work_struct *work);
void mdev_init_delayed_work(struct delayed_work *work, work_func_t func);
void mdev_queue_delayed_work(struct delayed_work *work, unsigned long delay);
void mdev_allow_kill(void);
void mdev_disallow_kill(void);
void mdev_kill(struct task_struct *task);
void mdev_type_get(struct mdev_type *type);
void mdev_type_put_last(struct mdev_type *type);
ssize_t mdev_emit_number(char *page, unsigned long number);
void mdev_ratelimit_init(struct ratelimit_state *state, int interval);
void *mdev_debug_register(const char *name, int pages, int len, int level, bool text);
void mdev_debug_unregister(void *log);
bool mdev_debug_enabled(void *log, int level);
void mdev_debug_event(void *log, int level, const void *data, int len);

#endif /* MDEV_HELPERS_H */
