// SPDX-License-Identifier: GPL-2.0
/*
 * A driver for L2 whose channel program is suspended, and resumed with other CCWs.
 *
 * It takes disks that no other driver has. Setting one online succeeds if the program ends as it
 * should.
 */

#include <linux/completion.h>
#include <linux/module.h>
#include <asm/ccwdev.h>
#include <asm/cio.h>

#define NOP 0x03
#define READ_DEVICE_CHARACTERISTICS 0x64
#define SECONDS 120

/* What the channel fetches and stores. */
struct program {
	struct ccw1 ccws[3];
	u8 data[64];
};

static DECLARE_COMPLETION(suspended);
static DECLARE_COMPLETION(ended);
static u8 dstat, cstat;

static void suspend_handler(struct ccw_device *cdev, unsigned long intparm, struct irb *irb)
{
	if (IS_ERR(irb)) {
		dev_err(&cdev->dev, "the program ends with %ld\n", PTR_ERR(irb));
		return;
	}
	if (irb->scsw.cmd.actl & SCSW_ACTL_SUSPENDED) {
		complete(&suspended);
	} else if (irb->scsw.cmd.stctl & SCSW_STCTL_SEC_STATUS) {
		dstat = irb->scsw.cmd.dstat;
		cstat = irb->scsw.cmd.cstat;
		complete(&ended);
	}
}

static int suspend_and_resume(struct ccw_device *cdev, struct program *p)
{
	int rc;

	p->ccws[0] = (struct ccw1) { .cmd_code = NOP, .flags = CCW_FLAG_CC | CCW_FLAG_SLI };
	p->ccws[1] = (struct ccw1) { .cmd_code = NOP, .flags = CCW_FLAG_SUSPEND | CCW_FLAG_SLI };

	spin_lock_irq(get_ccwdev_lock(cdev));
	cdev->handler = suspend_handler;
	rc = ccw_device_start(cdev, p->ccws, 0, 0, DOIO_ALLOW_SUSPEND);
	spin_unlock_irq(get_ccwdev_lock(cdev));
	if (rc)
		return rc;
	if (!wait_for_completion_timeout(&suspended, SECONDS * HZ)) {
		dev_err(&cdev->dev, "the program is not suspended\n");
		return -ETIMEDOUT;
	}

	p->ccws[2] = (struct ccw1) { .cmd_code = READ_DEVICE_CHARACTERISTICS,
				     .count = sizeof(p->data), .cda = virt_to_dma32(p->data) };
	p->ccws[1].flags = CCW_FLAG_CC | CCW_FLAG_SLI;
	spin_lock_irq(get_ccwdev_lock(cdev));
	rc = ccw_device_resume(cdev);
	spin_unlock_irq(get_ccwdev_lock(cdev));
	if (rc) {
		dev_err(&cdev->dev, "the program cannot be resumed: %d\n", rc);
		return rc;
	}
	if (!wait_for_completion_timeout(&ended, SECONDS * HZ)) {
		dev_err(&cdev->dev, "the program does not end\n");
		return -ETIMEDOUT;
	}
	dev_info(&cdev->dev, "suspended and resumed: device status %02x, subchannel status %02x, "
		 "control unit %02x%02x\n", dstat, cstat, p->data[0], p->data[1]);
	if (dstat != (DEV_STAT_CHN_END | DEV_STAT_DEV_END) || cstat || p->data[0] != 0x39)
		return -EIO;
	return 0;
}

static int suspend_probe(struct ccw_device *cdev)
{
	return 0;
}

static int suspend_set_online(struct ccw_device *cdev)
{
	dma32_t address;
	struct program *p = ccw_device_dma_zalloc(cdev, sizeof(*p), &address);
	int rc;

	if (IS_ERR_OR_NULL(p))
		return -ENOMEM;
	reinit_completion(&suspended);
	reinit_completion(&ended);
	rc = suspend_and_resume(cdev, p);
	/* The channel may still have a program that has not ended. */
	if (rc != -ETIMEDOUT)
		ccw_device_dma_free(cdev, p, sizeof(*p));
	return rc;
}

static int suspend_set_offline(struct ccw_device *cdev)
{
	return 0;
}

static struct ccw_device_id suspend_ids[] = {
	{ CCW_DEVICE(0x3990, 0) },
	{ },
};

static struct ccw_driver suspend_driver = {
	.driver = { .name = "suspend", .owner = THIS_MODULE },
	.ids = suspend_ids,
	.probe = suspend_probe,
	.set_online = suspend_set_online,
	.set_offline = suspend_set_offline,
	.int_class = IRQIO_DAS,
};

static int __init suspend_init(void)
{
	return ccw_driver_register(&suspend_driver);
}

static void __exit suspend_exit(void)
{
	ccw_driver_unregister(&suspend_driver);
}

module_init(suspend_init);
module_exit(suspend_exit);
MODULE_DESCRIPTION("A channel program that is suspended and resumed");
MODULE_LICENSE("GPL");
