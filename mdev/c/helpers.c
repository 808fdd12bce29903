// SPDX-License-Identifier: GPL-2.0

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/io.h>
#include <linux/kernel_stat.h>
#include <linux/mdev.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>
#include <asm/asm-extable.h>
#include <asm/debug.h>
#include <asm/irq.h>
#include <asm/timex.h>

#include "chp.h"
#include "css.h"
#include "ioasm.h"
#include "orb.h"

#include "helpers.h"

unsigned long mdev_sch_lock(struct subchannel *sch)
{
	unsigned long flags;

	spin_lock_irqsave(&sch->lock, flags);
	return flags;
}

void mdev_sch_unlock(struct subchannel *sch, unsigned long flags)
{
	spin_unlock_irqrestore(&sch->lock, flags);
}

/*
 * Returns false, without the lock, when interrupts are off.  So nobody takes a
 * second lock of a subchannel, and there is no order in which two can be
 * released.
 */
bool mdev_sch_lock_irq(struct subchannel *sch)
{
	if (irqs_disabled())
		return false;
	spin_lock_irq(&sch->lock);
	return true;
}

void mdev_sch_unlock_irq(struct subchannel *sch)
{
	spin_unlock_irq(&sch->lock);
}

/* Returns the subchannel-set identifier, and in the lower half the number. */
u32 mdev_sch_id(const struct subchannel *sch)
{
	return sch->schid.ssid << 16 | sch->schid.sch_no;
}

bool mdev_sch_qdio(const struct subchannel *sch)
{
	return sch->schib.pmcw.qf;
}

/*
 * Returns the mask of the paths that have not been varied off, as
 * chp_get_sch_opm() does for the driver of the common I/O layer.
 */
u8 mdev_sch_varied_on(const struct subchannel *sch)
{
	const struct channel_subsystem *css = to_css(sch->dev.parent);
	u8 mask = 0;

	for (int i = 0; i < 8; i++) {
		const struct channel_path *chp = css->chps[sch->schib.pmcw.chpid[i]];

		if (!chp || READ_ONCE(chp->state))
			mask |= 0x80 >> i;
	}
	return mask;
}

/*
 * Returns whether an installed path has this type in the description that the
 * channel subsystem has given of it.  Paths without a description have none.
 */
bool mdev_sch_has_path_type(const struct subchannel *sch, u8 type)
{
	const struct channel_subsystem *css = to_css(sch->dev.parent);
	const struct pmcw *pmcw = &sch->schib.pmcw;

	for (int i = 0; i < 8; i++) {
		const struct channel_path *chp = css->chps[pmcw->chpid[i]];

		if ((pmcw->pim & 0x80 >> i) && chp &&
		    READ_ONCE(chp->desc.desc) == type)
			return true;
	}
	return false;
}

/* Returns the mask of the paths that are installed, available and operational. */
u8 mdev_sch_paths(const struct subchannel *sch)
{
	const struct pmcw *pmcw = &sch->schib.pmcw;

	return pmcw->pim & pmcw->pam & pmcw->pom;
}

/* Returns the mask of the path that was used last. */
u8 mdev_sch_last_path(const struct subchannel *sch)
{
	return sch->schib.pmcw.lpum;
}

void mdev_sch_schib(const struct subchannel *sch, void *to, size_t len)
{
	memcpy(to, &sch->schib, min(len, sizeof(sch->schib)));
}

/* Returns whether the subchannel is not registered, or has an action pending. */
bool mdev_sch_in_transition(struct subchannel *sch)
{
	return !device_is_registered(&sch->dev) ||
	       work_pending(&sch->todo_work);
}

/* Returns the mask of the paths of the subchannel that an event concerns. */
u8 mdev_chp_mask(struct subchannel *sch, struct chp_link *link)
{
	return chp_ssd_get_mask(&sch->ssd_info, link);
}

u8 mdev_chp_id(const struct chp_link *link)
{
	return link->chpid.id;
}

int mdev_hsch(struct subchannel *sch)
{
	return hsch(sch->schid);
}

int mdev_csch(struct subchannel *sch)
{
	return csch(sch->schid);
}

/*
 * Resets all settings of the subchannel but the interruption subclass.
 * Concurrent sense is off then: it would take the sense data from the device,
 * and a user that has not asked for it would find none with SENSE.
 */
void mdev_sch_configure(struct subchannel *sch, unsigned int isc)
{
	memset(&sch->config, 0, sizeof(sch->config));
	sch->isc = isc;
}

/*
 * Issues an instruction for a subchannel, with an operand in storage.  The value
 * is the condition code, or -EIO for an operand exception.
 *
 * The kernel's msch() is not exported, and its ssch() returns the condition code
 * that was there before when there is an operand exception.
 */
#define sch_instruction(name, schid, operand)				\
({									\
	unsigned long __identification = *(const u32 *)&(schid);	\
	int __cc = -EIO;						\
									\
	asm volatile(							\
		"	lgr	1,%[identification]\n"			\
		"	" name "	%[op]\n"				\
		"0:	ipm	%[cc]\n"				\
		"	srl	%[cc],28\n"				\
		"1:\n"							\
		EX_TABLE(0b, 1b)					\
		: [cc] "+d" (__cc)					\
		: [identification] "d" (__identification),		\
		  [op] "Q" (operand)					\
		: "1", "cc", "memory");					\
	__cc;								\
})

/*
 * Disables the subchannel.  Returns the condition code, which is 3 also when
 * there is no device any more.  Unlike cio_disable_subchannel() this does not
 * drop pending status.
 */
int mdev_sch_disable(struct subchannel *sch)
{
	struct schib schib;
	int cc;

	if (cio_update_schib(sch))
		return 3;
	sch->config.ena = 0;
	schib = sch->schib;
	schib.pmcw.ena = 0;
	cc = sch_instruction("msch", sch->schid, schib);
	if (!cc && cio_update_schib(sch))
		return 3;
	return cc;
}

/*
 * Stores pending status as the I/O interrupt handler does, but for the caller.
 * Returns whether any was pending.  The kernel's tsch() is not exported.
 */
bool mdev_tsch(struct subchannel *sch, u8 (*irb)[MDEV_IRB_LEN])
{
	unsigned long identification = *(u32 *)&sch->schid;
	struct irb status;
	int cc;

	asm volatile(
		"	lgr	1,%[identification]\n"
		"	tsch	%[status]\n"
		"	ipm	%[cc]\n"
		"	srl	%[cc],28\n"
		: [cc] "=d" (cc), [status] "=Q" (status)
		: [identification] "d" (identification)
		: "1", "cc");
	if (cc)
		return false;
	memcpy(&sch->schib.scsw, &status.scsw, sizeof(status.scsw));
	memcpy(irb, &status, MDEV_IRB_LEN);
	return true;
}

/*
 * Controls of an ORB, in its second word, that came after the first edition of
 * the Principles of Operation of z/Architecture.  A machine that lacks one takes
 * its bit for a reserved one, and nothing tells whether it does.
 */
#define ORB_CONTROLS		1		/* the index of the word */
#define ORB_STREAMING_MODE	BIT(31 - 5)	/* streaming-mode control */
#define ORB_MIDAW		BIT(31 - 25)	/* modified-CCW-indirect-data-addressing control */

/*
 * Returns the condition code, or -EIO for an operand exception.
 *
 * Only an ORB with a control that the machine may lack can give one: the
 * translator refuses the bits that are reserved everywhere.  All other ORBs are
 * issued by the function that has a trace point.
 */
int mdev_ssch(struct subchannel *sch, const void *orb)
{
	const u32 *words = orb;

	if (words[ORB_CONTROLS] & (ORB_STREAMING_MODE | ORB_MIDAW))
		return sch_instruction("ssch", sch->schid, *(const union orb *)orb);
	return ssch(sch->schid, (union orb *)orb);
}

/* Copies the status that the I/O interrupt handler has just stored on this CPU. */
void mdev_cio_irb(u8 (*irb)[MDEV_IRB_LEN])
{
	static_assert(sizeof(struct irb) >= MDEV_IRB_LEN);

	inc_irq_stat(IRQIO_CIO);
	memcpy(irb, this_cpu_ptr(&cio_irb), MDEV_IRB_LEN);
}

/* Returns the interruption parameter, from which the interrupt handler finds the subchannel. */
u32 mdev_sch_intparm(struct subchannel *sch)
{
	return (u32)virt_to_phys(sch);
}

/* Replaces each pointer to a page by the page's absolute address. */
void mdev_pages_to_phys(u64 *pages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pages[i] = page_to_phys((struct page *)pages[i]);
}

/* Returns the index if it is below the size, else 0, without a branch. */
size_t mdev_index_nospec(size_t index, size_t size)
{
	return array_index_nospec(index, size);
}

/* Adds a reference that is never put, if the page is in use. */
void mdev_keep_page(u64 address)
{
	unsigned long pfn = PHYS_PFN(address);

	if (pfn_valid(pfn))
		folio_try_get(page_folio(pfn_to_page(pfn)));
}

/*
 * Memory whose size a user decides is charged to it.  Where there is none, or at
 * the limit of its cgroup, the user gets an error, and no process is killed.
 */
#define GFP_CHARGED (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Allocates, enlarges, or frees such memory, as kvrealloc() does. */
void *mdev_realloc_charged(const void *old, size_t size, unsigned long align)
{
	return kvrealloc_node_align(old, size, align, GFP_CHARGED, NUMA_NO_NODE);
}

/*
 * Allocates neighbouring pages below 2 GiB, where ZONE_DMA of this architecture
 * ends, and charges them to the caller.  The DMA API would take them from a CMA
 * area if there is one, whose pages are charged to nobody.
 */
int mdev_alloc_low_pages(struct page **pages, unsigned int order)
{
	struct page *first = alloc_pages(GFP_CHARGED | GFP_DMA | __GFP_ZERO, order);
	unsigned int i;

	if (!first)
		return -ENOMEM;
	for (i = 0; i < 1U << order; i++)
		pages[i] = first + i;
	return 0;
}

/*
 * Takes a reference to the cgroup of the current process.  NULL if no memory is
 * charged.
 */
struct mem_cgroup *mdev_current_memcg(void)
{
	return get_mem_cgroup_from_mm(current->mm);
}

void mdev_put_memcg(struct mem_cgroup *memcg)
{
	mem_cgroup_put(memcg);
}

/*
 * Charges what the current thread allocates from now on to this cgroup.  Returns
 * the one to which it was charged before.
 */
struct mem_cgroup *mdev_charge_memcg(struct mem_cgroup *memcg)
{
	return set_active_memcg(memcg);
}

u64 mdev_page_address(const struct page *page)
{
	return page_to_phys(page);
}

/* Maps pages one behind the other, readable and writable by the kernel. */
void *mdev_vmap(struct page **pages, unsigned int count)
{
	return vmap(pages, count, VM_MAP, PAGE_KERNEL);
}

void mdev_vunmap(const void *address)
{
	vunmap(address);
}

void mdev_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx);
}

void mdev_vfio_get_device(struct vfio_device *vdev)
{
	get_device(&vdev->device);
}

void mdev_vfio_put_device(struct vfio_device *vdev)
{
	vfio_put_device(vdev);
}

/* Returns whether the device is in a container, or attached to an address space of iommufd. */
bool mdev_vfio_is_attached(const struct vfio_device *vdev)
{
#if IS_ENABLED(CONFIG_IOMMUFD)
	/* If a user attaches the device meanwhile, either answer is right. */
	return data_race(!vdev->iommufd_access || vdev->iommufd_attached);
#else
	return true;
#endif
}

void mdev_init_work(struct work_struct *work, work_func_t func)
{
	INIT_WORK(work, func);
}

void mdev_queue_work(struct work_struct *work)
{
	queue_work(system_dfl_wq, work);
}

void mdev_init_delayed_work(struct delayed_work *work, work_func_t func)
{
	INIT_DELAYED_WORK(work, func);
}

void mdev_queue_delayed_work(struct delayed_work *work, unsigned long delay)
{
	queue_delayed_work(system_dfl_wq, work, delay);
}

/* Lets mdev_kill() end waits of this kernel thread for the memory of a user. */
void mdev_allow_kill(void)
{
	allow_signal(SIGKILL);
}

/* Ends that. No other thread may call mdev_kill() for this one any more. */
void mdev_disallow_kill(void)
{
	disallow_signal(SIGKILL);
	flush_signals(current);
}

void mdev_kill(struct task_struct *task)
{
	send_sig(SIGKILL, task, 1);
}

void mdev_reinit_completion(struct completion *x)
{
	reinit_completion(x);
}

/* Takes a reference to a registered type, for mdev_type_put_last(). */
void mdev_type_get(struct mdev_type *type)
{
	kobject_get(&type->kobj);
}

/*
 * Waits until the reference to a type whose parent is unregistered is the last,
 * and drops it.  The type, the parent and the driver are not used after this.
 *
 * mdev_device_release() uses them, and may run late: it is called by whoever
 * drops the last reference to the struct device.  At its end it drops the
 * device's reference to the type.
 */
void mdev_type_put_last(struct mdev_type *type)
{
	while (kref_read(&type->kobj.kref) > 1)
		msleep(1);
	/* Pairs with the release of the other references: what came before is done. */
	smp_acquire__after_ctrl_dep();
	kobject_put(&type->kobj);
#ifdef CONFIG_DEBUG_KOBJECT_RELEASE
	/* The type is released by a work item that is part of it. */
	flush_delayed_work(&type->kobj.release);
#endif
}

/* Writes a number to the page of an attribute in sysfs. */
ssize_t mdev_emit_number(char *page, unsigned long number)
{
	return sysfs_emit(page, "%lu\n", number);
}

void mdev_ratelimit_init(struct ratelimit_state *state, int interval)
{
	ratelimit_state_init(state, interval, 1);
}

/* Formats an entry, which is text padded with zeros. */
static int mdev_debug_format(debug_info_t *id, struct debug_view *view,
			     char *out, size_t size, const char *entry)
{
	return scnprintf(out, size, "%.*s\n", id->buf_size, entry);
}

static struct debug_view mdev_debug_view = {
	.name = "sprintf",
	.header_proc = debug_dflt_header_fn,
	.format_proc = mdev_debug_format,
};

void *mdev_debug_register(const char *name, int pages, int len, int level, bool text)
{
	struct debug_view *view = text ? &mdev_debug_view : &debug_hex_ascii_view;
	debug_info_t *log = debug_register(name, pages, 1, len);

	if (log && debug_register_view(log, view)) {
		debug_unregister(log);
		log = NULL;
	}
	if (log)
		debug_set_level(log, level);
	return log;
}

void mdev_debug_unregister(void *log)
{
	debug_unregister(log);
}

bool mdev_debug_enabled(void *log, int level)
{
	return debug_level_enabled((debug_info_t *)log, level);
}

void mdev_debug_event(void *log, int level, const void *data, int len)
{
	debug_event(log, level, (void *)data, len);
}
