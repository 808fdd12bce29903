/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The headers of the subsystems that the kernel crate has no bindings for, and
 * the helpers of helpers.c.
 */

#include <linux/types.h>
#include <linux/eventfd.h>
#include <linux/mdev.h>
#include <linux/mmu_notifier.h>
#include <linux/random.h>
#include <linux/vfio.h>
#include <linux/vfio_ccw.h>
#include <asm/isc.h>

#include "css.h"

#include "helpers.h"
#include "trace_points.h"
